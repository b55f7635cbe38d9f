# The image of the API and of the trainer.
#
#   make pin-images     # asks the registry for the digests, writes images.env
#   docker compose --env-file images.env build
#
# PYTHON_IMAGE has no default: name@sha256:digest, so that each build starts from the same image.
# TORCH_INDEX is a package index with other builds of torch, such as those for the CPU alone.
ARG PYTHON_IMAGE

FROM ${PYTHON_IMAGE} AS build
ARG TORCH_INDEX=""
WORKDIR /src
RUN python -m venv /opt/bookgraph
# The packages, from the lock with hashes, are a layer of their own: the source changes more often.
COPY requirements/ requirements/
RUN requirements/install /opt/bookgraph requirements/runtime.txt "${TORCH_INDEX}" packages
COPY . .
RUN /opt/bookgraph/bin/python -m pip install --no-cache-dir --no-deps --no-index \
    --no-build-isolation --disable-pip-version-check . \
    && /opt/bookgraph/bin/python -m compileall -q /opt/bookgraph/lib

FROM ${PYTHON_IMAGE}
RUN install -d -o 10001 -g 10001 -m 0700 /data
# Owned by root, so that the process cannot change its own code.
COPY --from=build /opt/bookgraph /opt/bookgraph
ENV PATH=/opt/bookgraph/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    USER=bookgraph \
    NUMBA_CACHE_DIR=/tmp/numba \
    BOOKGRAPH_HOME=/data \
    BOOKGRAPH_CACHE=/data/cache
# Not the data folder: a `.env` there would be read.
WORKDIR /opt/bookgraph
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
ENTRYPOINT ["bookgraph"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
