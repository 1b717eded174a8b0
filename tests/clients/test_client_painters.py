"""Painters and packs by nst_client and nst."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from front_door import RunningService
from nst_client import Client, Conflict, JobFailed
from nst_client.command.main import main
from PIL import Image

pytestmark = pytest.mark.slow


def test_a_preset_learns_a_painter_that_goes_elsewhere_as_a_pack(
    service: RunningService,
    tmp_path: Path,
    photo_png: bytes,
    texture_png: bytes,
    capsys: pytest.CaptureFixture[str],
) -> None:
    service.put_style("clients-taught", texture_png)
    (tmp_path / "photo.png").write_bytes(photo_png)
    (tmp_path / "notes.txt").write_text("no picture")
    line = ["learn", "clients-taught", "--size", "64", "--minutes", "0.01", "--url", service.url]
    assert main([*line, "--photos", str(tmp_path)]) == 0
    assert "clients-taught has a painter" in capsys.readouterr().out
    assert main(line) == 1
    assert "--replace" in capsys.readouterr().err
    assert main(["styles", "--url", service.url]) == 0
    assert ["clients-taught", "painter"] in [line.split() for line in capsys.readouterr().out.splitlines()]
    with Client(service.url) as client:
        painter = client.painter("clients-taught").wait()
        assert (painter.resource["photos"], painter.fraction) == (1, 1.0)
        assert list(painter.events())[-1].data["sha256"] == painter.refresh().resource["sha256"]
        assert Image.open(io.BytesIO(painter.preview() or b"")).format == "JPEG"
        model = painter.save_model(tmp_path / "new" / "model.onnx")
        assert model.stat().st_size == painter.resource["bytes"]

        pack = client.export_pack("clients-taught", tmp_path / "taught.safetensors")
        for form in (pack, pack.read_bytes()):
            assert client.import_pack("clients-again", form).has_painter
        assert client.transfer(photo_png, "clients-again", size=64, method="painter").wait().image()

        painter.delete()
        assert painter.refresh().preview() is None
        with pytest.raises(Conflict, match="no painter"):
            painter.save_model(tmp_path / "none.onnx")
        with pytest.raises(JobFailed, match="clients-taught has no painter"):
            painter.wait()
        assert client.painter("clients-again").status == "ready"
