"""A tiny model with random weights of every kind of pipeline that is offered, as folders that diffusers writes. A process of its own for tests:
`python -m tests.unit.tiny_kinds FOLDER` writes them to its folder `kinds`, and the one of tiny_pipeline to `one`.

Sizes are chosen for speed alone: pictures of 64 pixels have 16 by 16 cells, and every letter is a token.
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from tests.unit.tiny_pipeline import tiny_pipeline, tokenizer

WORDS, WIDE = 128, 32
"""Numbers of tokens there are, and of what each is turned into."""
_IDS = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}


def _clip(kind: Any = transformers.CLIPTextModel) -> Any:
    return kind(transformers.CLIPTextConfig(
        hidden_size=WIDE, intermediate_size=37, num_attention_heads=4, num_hidden_layers=2, vocab_size=WORDS, max_position_embeddings=77,
        projection_dim=WIDE, **_IDS,
    ))  # fmt: skip


def _t5(kind: Any = transformers.T5EncoderModel, config: Any = transformers.T5Config) -> Any:
    return kind(config(d_model=WIDE, d_kv=8, d_ff=37, num_layers=2, num_heads=4, vocab_size=WORDS)).eval()


def _reader(kind: Any, config: Any, layers: int = 2, **more: Any) -> Any:
    """A language model."""
    return kind(config(
        hidden_size=WIDE, intermediate_size=37, num_hidden_layers=layers, num_attention_heads=2, num_key_value_heads=2, head_dim=16,
        vocab_size=WORDS, max_position_embeddings=1024, **_IDS, **more,
    )).eval()  # fmt: skip


def _vae(channels: int, kind: Any = diffusers.AutoencoderKL, blocks: int = 3, **more: Any) -> Any:
    """Cells of four pixels, for three blocks."""
    return kind(
        in_channels=3, out_channels=3, latent_channels=channels, block_out_channels=(8,) * blocks, layers_per_block=1, norm_num_groups=4,
        down_block_types=("DownEncoderBlock2D",) * blocks, up_block_types=("UpDecoderBlock2D",) * blocks, **more,
    )  # fmt: skip


def _unet(**more: Any) -> Any:
    return diffusers.UNet2DConditionModel(**{
        "sample_size": 16, "in_channels": 4, "out_channels": 4, "layers_per_block": 1, "block_out_channels": (16, 32), "norm_num_groups": 8,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"), "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        "cross_attention_dim": WIDE, "attention_head_dim": 8, **more,
    })  # fmt: skip


def _flow(**more: Any) -> Any:
    return diffusers.FlowMatchEulerDiscreteScheduler(**more)


_UNCHECKED = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}


def _stable_diffusion() -> dict[str, Any]:
    return {"unet": _unet(), "vae": _vae(4), "text_encoder": _clip(), "tokenizer": tokenizer(77),
            "scheduler": diffusers.PNDMScheduler(skip_prk_steps=True), **_UNCHECKED}  # fmt: skip


def _lcm() -> dict[str, Any]:
    return {"unet": _unet(time_cond_proj_dim=32), "vae": _vae(4), "text_encoder": _clip(), "tokenizer": tokenizer(77),
            "scheduler": diffusers.LCMScheduler(), **_UNCHECKED}  # fmt: skip


def _sdxl() -> dict[str, Any]:
    unet = _unet(cross_attention_dim=2 * WIDE, addition_embed_type="text_time", addition_time_embed_dim=8,
                 projection_class_embeddings_input_dim=6 * 8 + WIDE)  # fmt: skip
    return {"unet": unet, "vae": _vae(4), "text_encoder": _clip(), "tokenizer": tokenizer(77), "scheduler": diffusers.EulerDiscreteScheduler(),
            "text_encoder_2": _clip(transformers.CLIPTextModelWithProjection), "tokenizer_2": tokenizer(77)}  # fmt: skip


def _sd3() -> dict[str, Any]:
    transformer = diffusers.SD3Transformer2DModel(
        sample_size=16, patch_size=2, in_channels=16, out_channels=16, num_layers=1, attention_head_dim=8, num_attention_heads=4,
        caption_projection_dim=WIDE, joint_attention_dim=2 * WIDE, pooled_projection_dim=2 * WIDE, pos_embed_max_size=64,
    )  # fmt: skip
    seen = transformers.CLIPTextModelWithProjection
    t5 = transformers.T5EncoderModel(
        transformers.T5Config(d_model=2 * WIDE, d_kv=8, d_ff=37, num_layers=2, num_heads=4, vocab_size=WORDS)
    )
    return {
        "transformer": transformer, "vae": _vae(16, shift_factor=0.06, scaling_factor=1.53), "scheduler": _flow(), "text_encoder": _clip(seen),
        "text_encoder_2": _clip(seen), "text_encoder_3": t5.eval(), "tokenizer": tokenizer(77), "tokenizer_2": tokenizer(77), "tokenizer_3": tokenizer(256),
    }  # fmt: skip


def _flux(*, guided: bool = True) -> dict[str, Any]:
    transformer = diffusers.FluxTransformer2DModel(
        patch_size=1, in_channels=64, num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=WIDE, pooled_projection_dim=WIDE, axes_dims_rope=(4, 4, 8), guidance_embeds=guided,
    )  # fmt: skip
    return {"transformer": transformer, "vae": _vae(16, shift_factor=0.11, scaling_factor=0.36), "scheduler": _flow(use_dynamic_shifting=guided),
            "text_encoder": _clip(), "tokenizer": tokenizer(77), "text_encoder_2": _t5(), "tokenizer_2": tokenizer(512)}  # fmt: skip


def _klein(*, distilled: bool = False) -> dict[str, Any]:
    transformer = diffusers.Flux2Transformer2DModel(
        patch_size=1, in_channels=64, num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=3 * WIDE, timestep_guidance_channels=32, axes_dims_rope=(4, 4, 4, 4), guidance_embeds=False,
    )  # fmt: skip
    reader = _reader(
        transformers.Qwen3ForCausalLM, transformers.Qwen3Config, 28
    )  # it is read at its layers 9, 18 and 27
    return {"transformer": transformer, "vae": _vae(16, diffusers.AutoencoderKLFlux2), "scheduler": _flow(), "text_encoder": reader,
            "tokenizer": tokenizer(512), "is_distilled": distilled}  # fmt: skip


def _qwen() -> dict[str, Any]:
    transformer = diffusers.QwenImageTransformer2DModel(
        patch_size=2, in_channels=64, out_channels=16, num_layers=1, attention_head_dim=16, num_attention_heads=2, joint_attention_dim=WIDE,
        guidance_embeds=False, axes_dims_rope=(8, 4, 4),
    )  # fmt: skip
    vae = diffusers.AutoencoderKLQwenImage(
        base_dim=8, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True],
        latents_mean=[0.0] * 16, latents_std=[1.0] * 16,
    )  # fmt: skip
    reader = transformers.Qwen2_5_VLForConditionalGeneration(transformers.Qwen2_5_VLConfig(
        text_config={
            "hidden_size": WIDE, "intermediate_size": 37, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 2,
            "vocab_size": WORDS, "rope_parameters": {"mrope_section": [2, 3, 3], "rope_type": "default", "rope_theta": 1e6}, **_IDS,
        },
        vision_config={"depth": 1, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": WIDE},
        vision_start_token_id=124, vision_end_token_id=125, vision_token_id=126, image_token_id=123, video_token_id=122,
    ))  # fmt: skip
    return {
        "transformer": transformer,
        "vae": vae,
        "scheduler": _flow(),
        "text_encoder": reader.eval(),
        "tokenizer": tokenizer(1024),
    }


def _z_image() -> dict[str, Any]:
    transformer = diffusers.ZImageTransformer2DModel(
        all_patch_size=(2,), all_f_patch_size=(1,), in_channels=16, dim=32, n_layers=1, n_refiner_layers=1, n_heads=2, n_kv_heads=2,
        cap_feat_dim=WIDE, axes_dims=[8, 4, 4], axes_lens=[1024, 64, 64],
    )  # fmt: skip
    with torch.no_grad():  # they are made empty, with whatever was in memory
        transformer.x_pad_token.fill_(1.0)
        transformer.cap_pad_token.fill_(1.0)
    return {"transformer": transformer, "vae": _vae(16, shift_factor=0.11, scaling_factor=0.36), "scheduler": _flow(),
            "text_encoder": _reader(transformers.Qwen3Model, transformers.Qwen3Config), "tokenizer": tokenizer(512)}  # fmt: skip


def _sana() -> dict[str, Any]:
    transformer = diffusers.SanaTransformer2DModel(
        patch_size=1, in_channels=8, out_channels=8, num_layers=1, num_attention_heads=2, attention_head_dim=8, num_cross_attention_heads=2,
        cross_attention_head_dim=8, cross_attention_dim=16, caption_channels=WIDE, sample_size=32,
    )  # fmt: skip
    vae = diffusers.AutoencoderDC(
        in_channels=3, latent_channels=8, attention_head_dim=2, encoder_block_types=("ResBlock", "EfficientViTBlock"),
        decoder_block_types=("ResBlock", "EfficientViTBlock"), encoder_block_out_channels=(8, 8), decoder_block_out_channels=(8, 8),
        encoder_qkv_multiscales=((), (5,)), decoder_qkv_multiscales=((), (5,)), encoder_layers_per_block=(1, 1),
        decoder_layers_per_block=[1, 1], downsample_block_type="conv", upsample_block_type="interpolate", scaling_factor=0.41,
    )  # fmt: skip
    return {"transformer": transformer, "vae": vae, "scheduler": _flow(shift=3.0), "tokenizer": tokenizer(300),
            "text_encoder": _reader(transformers.Gemma2Model, transformers.Gemma2Config)}  # fmt: skip


def _chroma() -> dict[str, Any]:
    transformer = diffusers.ChromaTransformer2DModel(
        patch_size=1, in_channels=64, num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=WIDE, axes_dims_rope=(4, 4, 8), approximator_hidden_dim=32, approximator_layers=1, approximator_num_channels=16,
    )  # fmt: skip
    return {"transformer": transformer, "vae": _vae(16, shift_factor=0.11, scaling_factor=0.36), "scheduler": _flow(), "text_encoder": _t5(),
            "tokenizer": tokenizer(512)}  # fmt: skip


def _lumina() -> dict[str, Any]:
    transformer = diffusers.Lumina2Transformer2DModel(
        sample_size=16, patch_size=2, in_channels=16, hidden_size=24, num_layers=1, num_refiner_layers=1, num_attention_heads=3, num_kv_heads=1,
        multiple_of=16, axes_dim_rope=(4, 2, 2), axes_lens=(512, 64, 64), cap_feat_dim=WIDE,
    )  # fmt: skip
    return {"transformer": transformer, "vae": _vae(16, blocks=4, shift_factor=0.11, scaling_factor=0.36), "scheduler": _flow(), "tokenizer": tokenizer(256),
            "text_encoder": _reader(transformers.Gemma2Model, transformers.Gemma2Config)}  # fmt: skip


def _cogview() -> dict[str, Any]:
    transformer = diffusers.CogView4Transformer2DModel(
        patch_size=2, in_channels=16, out_channels=16, num_layers=1, attention_head_dim=8, num_attention_heads=4, text_embed_dim=WIDE,
        time_embed_dim=8, condition_dim=4,
    )  # fmt: skip
    return {"transformer": transformer, "vae": _vae(16), "scheduler": _flow(use_dynamic_shifting=True, time_shift_type="linear"),
            "tokenizer": tokenizer(1024), "text_encoder": _reader(transformers.GlmModel, transformers.GlmConfig)}  # fmt: skip


def _aura() -> dict[str, Any]:
    transformer = diffusers.AuraFlowTransformer2DModel(
        sample_size=16, patch_size=2, in_channels=4, out_channels=4, num_mmdit_layers=1, num_single_dit_layers=1, attention_head_dim=8,
        num_attention_heads=4, caption_projection_dim=WIDE, joint_attention_dim=WIDE, pos_embed_max_size=256,
    )  # fmt: skip
    return {"transformer": transformer, "vae": _vae(4), "scheduler": _flow(), "tokenizer": tokenizer(256),
            "text_encoder": _t5(transformers.UMT5EncoderModel, transformers.UMT5Config)}  # fmt: skip


MADE: Mapping[str, Callable[[], dict[str, Any]]] = {
    "StableDiffusionPipeline": _stable_diffusion,
    "StableDiffusionXLPipeline": _sdxl,
    "StableDiffusion3Pipeline": _sd3,
    "LatentConsistencyModelPipeline": _lcm,
    "FluxPipeline": _flux,
    "Flux2KleinPipeline": _klein,
    "QwenImagePipeline": _qwen,
    "ZImagePipeline": _z_image,
    "SanaPipeline": _sana,
    "ChromaPipeline": _chroma,
    "Lumina2Pipeline": _lumina,
    "CogView4Pipeline": _cogview,
    "AuraFlowPipeline": _aura,
}


def tiny_kind(name: str, folder: Path) -> Path:
    """A model of this kind, written to `folder`."""
    torch.manual_seed(len(name))
    getattr(diffusers, name)(**MADE[name]()).save_pretrained(folder)
    return folder


if __name__ == "__main__":
    torch.set_num_threads(1)
    tiny_pipeline(Path(sys.argv[1]) / "one" / "tiny")
    for kind in MADE:
        tiny_kind(kind, Path(sys.argv[1]) / "kinds" / kind)
