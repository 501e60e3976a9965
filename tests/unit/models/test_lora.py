"""What may be a LoRA of the collection, and what becomes of one that is asked for."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from imagegeneration.models.lora import HOSTS, CollectedLora, LoraBody, LoraWish, check_path

FACTS = {"name": "ink", "label": "Ink", "path": "owner/ink", "family": "flux-1"}
FILE = "https://huggingface.co/owner/name/resolve/main/lora.safetensors"


@pytest.mark.parametrize(
    "path",
    [
        "owner/name",
        "XLabs-AI/flux-RealismLora_v1.2",
        FILE,
        "https://huggingface.co/owner/name/resolve/0a1b2c/folder/my%20lora.safetensors",
        "https://civitai.com/api/download/models/12345",
        "https://civitai.com/api/download/models/12345?type=Model&format=SafeTensor",
        "https://v3.fal.media/files/rabbit/abc_pytorch_lora_weights.safetensors",
        "https://replicate.delivery/xezq/abc/lora.safetensors",
    ],
)
def test_a_path_that_providers_find(path: str) -> None:
    assert check_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "name",
        "owner/name/more",
        "../name",
        "owner/..name",
        "owner/na me",
        " owner/name",
        "owner/name\n",
        "/etc/passwd",
        "file:///etc/passwd.safetensors",
        FILE.replace("https", "http"),
        FILE.replace("huggingface.co", "example.com"),
        FILE.replace("huggingface.co", "huggingface.co.example.com"),
        FILE.replace("huggingface.co", "huggingface.co@example.com"),
        FILE.replace("huggingface.co", "user:secret@huggingface.co"),
        FILE.replace("huggingface.co", "huggingface.co:444"),
        FILE.replace("huggingface.co", "HuggingFace.co"),
        FILE.replace("huggingface.co", "169.254.169.254"),
        FILE.replace("/resolve/", "/blob/"),
        FILE.replace("/main/", "/../"),
        FILE.replace("/main/", "//"),
        FILE.replace(".safetensors", ".ckpt"),
        f"{FILE}?token=hf_secret",
        f"{FILE}#fragment",
        f"{FILE}\n",
        "https://huggingface.co/owner/name",
        "https://civitai.com/models/12345",
        "https://civitai.com/api/download/models/12345?token=secret",
        "https://civitai.com/api/download/models/12345?type=Model&Token=secret",
        "https://civitai.com/api/download/models/12345/../../../x",
        "data:application/octet-stream;base64,AA==",
    ],
)
def test_any_other_path_is_refused(path: str) -> None:
    with pytest.raises(
        ValueError, match=r"^must be owner/name of Hugging Face, .* at one of huggingface\.co, civitai\.com, "
    ):
        check_path(path)


@given(st.text(max_size=100), st.sampled_from(HOSTS))
def test_whatever_passes_is_https_at_a_known_host_or_a_name_of_hugging_face(text: str, host: str) -> None:
    for path in (text, f"https://{text}", f"https://{host}{text}.safetensors", f"https://{text}{host}/a.safetensors"):
        try:
            check_path(path)
        except ValueError:
            continue
        assert path.isascii()
        assert path.isprintable()
        assert path.startswith(tuple(f"https://{known}/" for known in HOSTS)) or path.count("/") == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "Ink"},
        {"name": "-ink"},
        {"name": "i" * 64},
        {"label": " "},
        {"label": "a\x00b"},
        {"description": "x" * 1001},
        {"description": "a\x1bb"},
        {"family": "Flux 1"},
        {"triggerWords": [""]},
        {"triggerWords": ["a"] * 11},
        {"triggerWords": ["a" * 101]},
        {"defaultWeight": 2.1},
        {"defaultWeight": float("nan")},
        {"enabled": 1},
        {"surprise": 1},
    ],
)
def test_what_is_said_of_a_lora_is_checked(wrong: dict[str, object]) -> None:
    LoraBody.model_validate(FACTS)
    with pytest.raises(ValidationError):
        LoraBody.model_validate(FACTS | wrong)


@pytest.mark.parametrize("wish", [{}, {"name": "ink", "path": "owner/ink"}, {"name": None}, {"path": "example.com"}])
def test_a_wish_has_a_name_or_a_path(wish: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        LoraWish.model_validate(wish)


def test_without_a_weight_the_usual_one_is_sent() -> None:
    now = datetime.now(UTC)
    facts = FACTS | {"defaultWeight": 1.4, "createdAt": now, "changedAt": now, "changedBy": "usr_1"}
    ink = CollectedLora.model_validate(facts)
    assert (ink.sent(None).weight, ink.sent(0).weight) == (1.4, 0)
    assert ink.sent(0.5).document() == {"path": "owner/ink", "weight": 0.5, "name": "ink", "family": "flux-1"}
