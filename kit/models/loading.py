"""Loading a checkpoint: a catalogue name, a hub id or a local directory, in 16-bit or in 4-bit, with or without an adapter."""

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from kit.data.collator import media_taken
from kit.errors import KitError
from kit.language import say
from kit.models.catalogue import CATALOGUE, Checkpoint, resolve
from kit.models.lora import component_of, is_adapter, is_linear

ATTENTION_FILE = "attention.json"  # beside an adapter that was trained with an attention of kit.attention: which one


@dataclass
class Loaded:
    """A model that is ready to be asked, with the processor that belongs to it.

    Attributes:
        model: a transformers model, in eval mode, wrapped by PEFT when it has an adapter.
        processor: turns messages and media into its inputs; saved with the model and used everywhere.
        checkpoint: what the catalogue knows about it.
        four_bit: whether the language model's linear layers are stored in nf4.
    """

    model: torch.nn.Module
    processor: object
    checkpoint: Checkpoint
    four_bit: bool

    @property
    def device(self) -> torch.device:
        return self.model.device


def best_device() -> torch.device:
    """This process's CUDA device (the first one, unless `accelerate launch` started several) when there is one, else the CPU."""
    return torch.device(f"cuda:{os.environ.get('LOCAL_RANK', 0)}" if torch.cuda.is_available() else "cpu")


def load(name: str, four_bit: bool = False, adapter: str | Path | None = None, device: str | torch.device | None = None) -> Loaded:
    """A model and its processor.

    Weights are read from safetensors only and `trust_remote_code` stays off. On CPU everything runs in float32 (bf16 is slower there for
    small models), on CUDA in bfloat16. In 4-bit, nf4 with double quantisation, only the language model is quantised: towers, connectors
    and the head stay as they are, because 4-bit hurts them most.

    Args:
        name: a key of CATALOGUE, a hub id ("owner/name") or a directory.
        four_bit: quantise the language model with bitsandbytes.
        adapter: directory of a PEFT adapter to put on top.
        device: default: CUDA when there is one.

    Raises:
        KitError: no such checkpoint, or it cannot be reached, or the adapter does not fit it.
    """
    checkpoint, source = resolve(name)
    device = torch.device(device) if device else best_device()
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    from transformers import AutoProcessor
    from transformers.utils import logging

    import kit.models.composed  # noqa: F401  makes composed checkpoints known to the Auto classes

    logging.disable_progress_bar()  # kit prints nothing, and a bar of its own would stand between a person and an error's one line
    local = Path(source).is_dir()
    options = {"local_files_only": local or os.environ.get("HF_HUB_OFFLINE") == "1"}
    try:
        processor = AutoProcessor.from_pretrained(source, **options)
        kind, config = _kind_of(source, options)
        quantisation = _four_bit_config(kind, config, dtype) if four_bit else None
        model = kind.from_pretrained(
            source, dtype=dtype, device_map={"": device}, use_safetensors=True, quantization_config=quantisation, **options
        )
    except ImportError as error:  # some families' processors need a package of their own (SmolVLM: num2words)
        raise _needs_a_package(name, error) from error
    except (OSError, ValueError) as error:
        raise _not_loadable(name, error) from error
    if checkpoint.name not in CATALOGUE:  # a folder of one's own, or a hub id that is not listed: the parts say what it takes
        deaf = getattr(config, "audio_config", None) is None
        checkpoint = replace(checkpoint, modalities=("text", *(medium for medium in media_taken(processor) if medium != "audio" or not deaf)))
    if four_bit:
        _keep_trainable(model)
    if adapter is not None:
        model = add_adapter(model, Path(adapter))
    model.eval()
    model.requires_grad_(False)
    return Loaded(model, processor, checkpoint, four_bit)


def require_checkpoint(name: str) -> None:
    """Asks for a checkpoint's small files (a hub sends its config.json), so that what `load` would refuse is known before anything long or lasting is done.

    Raises:
        KitError: no such checkpoint, it cannot be reached, a directory without config.json, processor files or *.safetensors, or a package that its
            processor needs is missing.
    """
    from transformers import AutoConfig, AutoProcessor

    import kit.models.composed  # noqa: F401  makes composed checkpoints known to the Auto classes

    _, source = resolve(name)
    if Path(source).is_dir():
        missing = [kind for kind in ("config.json", "*processor_config.json", "*.safetensors") if not any(Path(source).glob(kind))]
        if missing:
            raise _not_loadable(name, say(f"no {', no '.join(missing)} in it", f"{'、'.join(missing)} がありません"))
    options = {"local_files_only": Path(source).is_dir() or os.environ.get("HF_HUB_OFFLINE") == "1"}
    try:
        AutoConfig.from_pretrained(source, **options)
        AutoProcessor.from_pretrained(source, **options)
    except ImportError as error:
        raise _needs_a_package(name, error) from error
    except (OSError, ValueError) as error:
        raise _not_loadable(name, error) from error


def _not_loadable(name: str, reason: Exception | str) -> KitError:
    first = (str(reason).strip() or type(reason).__name__).splitlines()[0]
    return KitError(
        say(
            f"checkpoint {name!r} cannot be loaded ({first}); give a catalogue name, a hub id that can be reached, or a directory with config.json, "
            "processor files and *.safetensors",
            f"チェックポイント {name!r} を読み込めません（{first}）。カタログ名、到達できるハブの ID、または config.json・プロセッサー・*.safetensors のあるフォルダーを指定してください",
        )
    )


def _needs_a_package(name: str, error: ImportError) -> KitError:
    reason = " ".join(str(error).split())
    return KitError(
        say(
            f"checkpoint {name!r} needs a package that is not installed here ({reason}); install it, or give another checkpoint",
            f"チェックポイント {name!r} に必要なパッケージが入っていません（{reason}）。インストールするか、別のチェックポイントを指定してください",
        )
    )


def add_adapter(model, adapter: Path):
    """The model with a saved adapter on top; every key of the file must find its place (PEFT only warns, pains.md 7).

    Raises:
        KitError: the adapter's files are missing or do not match the model.
    """
    from peft import PeftModel
    from safetensors import safe_open

    file = adapter / "adapter_model.safetensors"
    if not file.is_file():
        raise KitError(say(f"no adapter in {adapter}: adapter_model.safetensors is missing", f"{adapter} にアダプターがありません（adapter_model.safetensors）"))
    wrapped = PeftModel.from_pretrained(model, str(adapter))
    with safe_open(str(file), "pt") as saved:
        keys = set(saved.keys())
    here = {n.replace(".modules_to_save.default", "").replace(".default.", ".").removesuffix(".default") for n, _ in wrapped.named_parameters() if is_adapter(n)}
    strays = sorted(keys ^ here)
    theirs, ours = attention_beside(adapter), attention_of(model)
    if theirs != ours:
        raise KitError(
            say(
                f"the adapter in {adapter.name} was trained with {_attention(theirs, 'en')}, and this model has {_attention(ours, 'en')}, which would answer otherwise: load both with "
                "kit.attention.load, which reads the adapter's attention.json",
                f"{adapter.name} のアダプターは{_attention(theirs, 'ja')}で学習されていますが、このモデルは{_attention(ours, 'ja')}のため、回答が変わってしまいます。両方を kit.attention.load で読み込んでください"
                "（アダプターの attention.json を読みます）",
            )
        )
    if strays:
        raise KitError(
            say(
                f"the adapter in {adapter.name} does not fit this model: {len(strays)} of its keys have no partner, first {strays[0]}; "
                "use the checkpoint that it was trained on, with the versions that its run names (transformers renames modules now and then)",
                f"{adapter.name} のアダプターはこのモデルに合いません（対応しないキー {len(strays)} 個、最初は {strays[0]}）。学習に使ったチェックポイントと、その実行に記録されたバージョンを使ってください（transformers はモジュール名を変えることがあります）",
            )
        )
    return wrapped


def attention_of(model) -> dict:
    """What attention of kit.attention was switched on in this model, as an adapter's attention.json says it; {} for plain attention."""
    for path, module in model.named_modules():
        settings = getattr(module, "settings", None)
        if settings is not None and getattr(settings, "name", None) == path.rsplit(".", 1)[-1]:
            return {"attention": settings.name} | vars(settings)
    return {}


def attention_beside(adapter: Path) -> dict:
    """What attention an adapter was trained with; {} for plain attention."""
    told = adapter / ATTENTION_FILE
    return json.loads(told.read_text(encoding="utf-8")) if told.is_file() else {}


def _attention(told: dict, language: str) -> str:
    details = ", ".join(f"{name}={value!r}" for name, value in told.items() if name != "attention")
    if not told:
        return "plain attention" if language == "en" else "通常の注意機構"
    return f"the attention {told.get('attention')!r}" + (f" ({details})" if details else "") if language == "en" else f"注意機構 {told.get('attention')!r}" + (f"（{details}）" if details else "")


def _kind_of(source: str, options: dict):
    """(class, configuration) of what reads and answers; of a checkpoint that has a voice of its own (Qwen2.5-Omni), the thinker alone: kit.models.talker loads the rest."""
    from transformers import AutoConfig, AutoModelForMultimodalLM, Qwen2_5OmniThinkerForConditionalGeneration

    config = AutoConfig.from_pretrained(source, **options)
    return (Qwen2_5OmniThinkerForConditionalGeneration, config.thinker_config) if config.model_type == "qwen2_5_omni" else (AutoModelForMultimodalLM, config)


def _four_bit_config(kind, config, dtype: torch.dtype):
    from transformers import BitsAndBytesConfig

    with torch.device("meta"):
        skeleton = kind.from_config(config) if hasattr(kind, "from_config") else kind(config)
    stay = [name for name, module in skeleton.named_modules() if is_linear(module) and component_of(name) != "llm"]
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
        llm_int8_skip_modules=stay,
    )


def _keep_trainable(model) -> None:
    """On CPUs with AVX512-BF16 the first eval-mode forward repacks a Linear4bit for decoding: training afterwards fails, and scoring is 8 to 14 times slower."""
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
