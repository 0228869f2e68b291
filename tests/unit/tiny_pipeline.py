"""Tiny models with random weights, as folders that diffusers writes: the way of a real one in a second, without a download."""

import sys
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import CLIPTextConfig, CLIPTextModel, PreTrainedTokenizerFast

SIDE = 64
READ = 40  # tokens


def tiny_pipeline(folder: Path, seed: int = 0) -> Path:
    """A Stable Diffusion with cells of two pixels, written to `folder`."""
    torch.manual_seed(seed)
    unet = UNet2DConditionModel(
        sample_size=SIDE // 2, in_channels=4, out_channels=4, layers_per_block=1, block_out_channels=(32, 64), norm_num_groups=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=32, attention_head_dim=8,
    )  # fmt: skip
    vae = AutoencoderKL(
        in_channels=3, out_channels=3, latent_channels=4, block_out_channels=(16, 32), layers_per_block=1, norm_num_groups=8,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
    )  # fmt: skip
    text = CLIPTextModel(CLIPTextConfig(
        hidden_size=32, intermediate_size=37, num_attention_heads=4, num_hidden_layers=2, vocab_size=512, max_position_embeddings=READ,
        bos_token_id=1, eos_token_id=2, pad_token_id=0,
    ))  # fmt: skip
    pipe = StableDiffusionPipeline(
        unet=unet, vae=vae, text_encoder=text, tokenizer=tokenizer(READ), scheduler=DDIMScheduler(beta_schedule="scaled_linear"),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    pipe.save_pretrained(folder)
    return folder


def tokenizer(most: int) -> PreTrainedTokenizerFast:
    """Every letter is a token, and `most` of them are read. A talk is the words that are said in it."""
    words = {"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3} | {chr(code): code for code in range(32, 127)}
    made = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    made.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)])
    talk = "{% for one in messages %}{{ one.content if one.content is string else one.content[0].text }}{% endfor %}"
    return PreTrainedTokenizerFast(tokenizer_object=made, model_max_length=most, pad_token="<pad>", bos_token="<s>", chat_template=talk,
                                   eos_token="</s>", unk_token="<unk>")  # fmt: skip


if __name__ == "__main__":
    tiny_pipeline(Path(sys.argv[1]))
