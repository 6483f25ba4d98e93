# The dashboard in a container: `docker compose up --build`, then open the address in its log.
# assets/deploy/README.md tells the rest: GPUs, proxies, sign-in, Hugging Face Spaces.
FROM python:3.12-slim

# Torch for processors only, a tenth of the size. For NVIDIA GPUs PyPI's own brings CUDA along:
# --build-arg TORCH_INDEX=https://pypi.org/simple
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
# What is installed besides: "authlib httpx" for sign-in, "tokenizers gguf" for pretrained models.
ARG EXTRAS=""

ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/home/lab \
    ADDNORM_RUNS=/data/runs \
    ADDNORM_CACHE=/data/cache

# The user that Hugging Face Spaces starts containers as has this number, too.
RUN useradd --uid 1000 --create-home lab && install -d -o lab -g lab -m 0700 /data

WORKDIR /app
COPY requirements.txt ./
RUN pip install --extra-index-url "$TORCH_INDEX" -r requirements.txt $EXTRAS

COPY LICENSE README.md pyproject.toml ./
COPY .streamlit/config.toml .streamlit/config.toml
COPY assets assets
COPY core core
COPY dashboard dashboard

USER lab
VOLUME /data
EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD \
    ["python", "-c", "import os, urllib.request as u; u.urlopen(f\"http://127.0.0.1:{os.environ.get('PORT', '8501')}/_stcore/health\", timeout=4)"]

# Inside, every address is the container's own; who may come in is asked by the token.
CMD ["python", "-m", "dashboard", "--server.address=0.0.0.0"]
