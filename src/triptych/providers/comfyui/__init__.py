"""ComfyUI on this machine or at home: models from its own files, and workflows that a user drew in it."""

from triptych.providers.comfyui.graphs import SAMPLER, SCHEDULER, STEPS
from triptych.providers.comfyui.model import ComfyModel, checkpoint_card, upscaler_card, workflow_card
from triptych.providers.comfyui.server import Comfy
from triptych.providers.comfyui.table import ENGINE, comfy_models, comfy_table
from triptych.providers.comfyui.workflow import MOST_BYTES, Workflow, read_workflow

__all__ = [
    "ENGINE",
    "MOST_BYTES",
    "SAMPLER",
    "SCHEDULER",
    "STEPS",
    "Comfy",
    "ComfyModel",
    "Workflow",
    "checkpoint_card",
    "comfy_models",
    "comfy_table",
    "read_workflow",
    "upscaler_card",
    "workflow_card",
]
