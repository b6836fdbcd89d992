# Quiesce in a container: no privileges, no devices, the emulator's TCG only.
#
#     docker build -t quiesce .             builds it
#     docker run --rm -it quiesce           the prompt; Ctrl-A X ends the emulator
#     docker run --rm quiesce make test     every test
#
# podman takes the same words. tests/hosts/dockerfile runs the steps below without an engine.
FROM debian:stable-slim
RUN apt-get update && apt-get install -y --no-install-recommends make git ca-certificates
# The packages are a layer of their own, which a change of the source leaves as it is.
COPY tools /tools
RUN /tools/deps test
RUN useradd --create-home student
USER student
COPY --chown=student:student . /home/student/quiesce
WORKDIR /home/student/quiesce
RUN make iso
CMD ["make", "run"]
