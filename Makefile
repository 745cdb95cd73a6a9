# kws: `make help` lists what there is. Nothing is written outside .venv/ and build/,
# save what you train. CC, PYTHON and CFLAGS may be given: make test CC=clang

.DEFAULT_GOAL := help
PYTHON ?= python3
RECIPE ?= models/hey_cortana/config.toml
FUZZ_SECONDS ?= 60
VENV := .venv
BIN := $(VENV)/bin
BUILD := build

ENGINE := firmware/src
include $(ENGINE)/sources.mk
NATIVE := $(ENGINE_C) $(ENGINE_H) $(wildcard kws/engine/native/*.[ch] kws/network/scan/*.[ch]) \
          kws/engine/native/build.py kws/network/scan/build.py
TEST_SOURCES := $(ENGINE_C) $(wildcard tests/c/engine/*.c)
TEST_HEADERS := $(ENGINE_H) $(wildcard firmware/app/*.h tests/c/engine/*.h tests/c/fuzz/*.h)

STRICT := -std=c99 -Wall -Wextra -Wconversion -Wshadow -Wmissing-prototypes -Wvla -Wundef \
          -pedantic -Werror
SANITIZE := -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all
INCLUDES := -Ifirmware/include -Ifirmware/src -Itests/c/engine
# Limits as an application on a small chip sets them: they refuse models and change no number.
SMALL := -DKWS_MAX_HIDDEN=19 -DKWS_MAX_CLASSES=3 -DKWS_MIN_HOP=320

.PHONY: help setup demo train docs docs-renew live-picture test test-python test-firmware fuzz \
        fuzz-short mutate lint bench firmware home-assistant emulate emulate-cores emulate-uno \
        emulate-pico size size-renew sample clean export-tools browser-tools

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16

# ---- setting up -----------------------------------------------------------------------------

setup: $(VENV)/.engine ## .venv/ with kws and its tools; rebuilds the engine after a change of C

# A compiler and venv are needed; PortAudio is for the microphone alone.
define FIND_SYSTEM_PACKAGES
$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
    echo "kws needs Python 3.10 or later: make setup PYTHON=python3.12, for example."; exit 1; }; \
needed=; wanted=; \
command -v $(CC) >/dev/null || needed="gcc libc6-dev"; \
$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || needed="$$needed python3-venv python3-dev"; \
$(PYTHON) -c 'import ctypes.util, sys; sys.exit(not ctypes.util.find_library("portaudio"))' \
    || wanted=libportaudio2; \
if [ -n "$$needed$$wanted" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends $$needed $$wanted; } \
        </dev/null >/dev/null && needed= && wanted=; \
fi; \
if [ -n "$$needed" ]; then echo "Install first: $$needed (apt-get install $$needed)."; exit 1; fi; \
if [ -n "$$wanted" ]; then echo "For the microphone install $$wanted (apt-get install $$wanted)."; fi
endef

$(VENV)/.installed: pyproject.toml setup.py
	@$(FIND_SYSTEM_PACKAGES)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[train,dev,serve]'
	@touch $@ $(VENV)/.engine

# Built elsewhere and moved into place: a program that runs keeps the engine that it has loaded.
# Forced, as setuptools does not see that a header changed.
$(VENV)/.engine: $(NATIVE) $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check setuptools
	$(BIN)/python setup.py -q build_ext --force --build-lib $(BUILD)/lib --build-temp $(BUILD)/temp 2>/dev/null \
	    || $(BIN)/python setup.py -q build_ext --force --build-lib $(BUILD)/lib --build-temp $(BUILD)/temp
	@for so in $(BUILD)/lib/kws/*/*/*.so; do \
	    cp "$$so" "kws/$${so#$(BUILD)/lib/kws/}.new" && \
	    mv "kws/$${so#$(BUILD)/lib/kws/}.new" "kws/$${so#$(BUILD)/lib/kws/}" || exit 1; done
	@touch $@

# ---- using it -------------------------------------------------------------------------------

demo: setup ## train "hey cortana" on data/sample and find it in a recording
	$(BIN)/python -m kws.cli.demo

train: setup ## train RECIPE, models/hey_cortana/config.toml unless you name another
	$(BIN)/kws train $(RECIPE)

bench: setup ## the speed figures of docs/results, measured here
	$(BIN)/kws bench

sample: setup ## make data/sample again, with Kokoro, flite and espeak-ng
	$(BIN)/python data/make_sample.py

firmware: ## the engine as a library, for this machine and each cross compiler that is here
	$(call library,host,,)
	$(call library,cortex-m0,arm-none-eabi-,-mcpu=cortex-m0 -mthumb)
	$(call library,cortex-m4,arm-none-eabi-,-mcpu=cortex-m4 -mthumb)
	$(call library,rv32imc,riscv64-unknown-elf-,-march=rv32imc -mabi=ilp32 --specs=picolibc.specs)
	$(call library,atmega328p,avr-,-mmcu=atmega328p)

define library
@if command -v $(2)gcc >/dev/null; then \
    mkdir -p $(BUILD)/firmware/$(1) && cd $(BUILD)/firmware/$(1) && rm -f libkws.a && \
    $(2)gcc $(STRICT) -Os $(3) -I$(CURDIR)/firmware/include -c $(ENGINE_C:%=$(CURDIR)/%) && \
    $(2)ar rcs libkws.a ./*.o && echo "$(BUILD)/firmware/$(1)/libkws.a"; \
else echo "$(1): $(2)gcc is not installed"; fi
endef

# What reads the libraries of `kws export`: PlatformIO, ESP-IDF's component manager, Kconfig, ESPHome,
# which wants a PlatformIO and a YAML of its own; and what writes and runs ONNX.
export-tools: setup $(BUILD)/export-tools/.installed ## tools that check exported libraries, for the tests
$(BUILD)/export-tools/.installed:
	@mkdir -p $(BUILD)
	@test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check \
	    'platformio>=6.1' 'conan>=2' 'idf-component-manager>=2' 'kconfiglib>=14' 'ruamel.yaml>=0.18'
	@test -x $(BUILD)/esphome/bin/python || $(PYTHON) -m venv $(BUILD)/esphome
	$(BUILD)/esphome/bin/python -m pip install --quiet --disable-pip-version-check 'esphome>=2026.2'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'onnx>=1.16' 'onnxruntime>=1.18'
	@touch $@

# What opens the exported page (Chromium is the system's), reads its types, and judges how it reads.
browser-tools: $(BUILD)/npm/.browser ## tools that check the page and the package of `wasm`, for the tests
$(BUILD)/npm/.browser: $(VENV)/.installed
	@mkdir -p $(@D)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'playwright>=1.45'
	@! command -v npm >/dev/null || \
	    npm install --silent --no-fund --no-audit --prefix $(@D) typescript@5 axe-core@4
	@touch $@

# What needs a chip's compiler or its simulator and has neither is skipped, in one sentence.
emulate: emulate-cores emulate-uno emulate-pico size ## the firmware on every emulated core and board

emulate-cores: setup ## the C tests and a recording on Cortex-M0 to M55, RISC-V and an AVR
	$(BIN)/python tests/emulated/run.py models/hey_cortana/hey_cortana.kws \
	    models/athena_8k/athena_8k.kws data/sample/stream/held_out.opus

emulate-uno: setup ## the Arduino Uno's image, cycle by cycle in simavr, against this machine
	$(BIN)/python -m pytest tests/boards/uno -rs

size: setup ## flash, RAM, stack and instructions, against firmware/bill.json; CORES=Cortex-M0 for one
	@PYTHONPATH=firmware $(BIN)/python -m bill $(CORES)

size-renew: setup ## measure the bill and write it to firmware/bill.json, its page and docs/results
	@PYTHONPATH=firmware $(BIN)/python -m bill --renew

$(VENV)/.docs: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	@touch $@

docs: setup $(VENV)/.docs ## the documents as a site in build/site, with every link checked
	NO_MKDOCS_2_WARNING=1 PYTHONPATH=tools $(BIN)/python -m mkdocs build --quiet
	@echo "$(BUILD)/site/index.html; to search, too: $(BIN)/python -m http.server -d $(BUILD)/site"

ADDON := $(BUILD)/home_assistant
home-assistant: setup ## build/home_assistant: an add-on of `kws serve`, and a compose file
	@rm -rf $(ADDON) && mkdir -p $(ADDON)/models && cp kws/serving/container/* $(ADDON)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'setuptools>=77'
	$(BIN)/python setup.py -q sdist --dist-dir $(ADDON) 2>/dev/null
	@echo "$(ADDON): docs/how-to/home-assistant.md says where it goes"

docs-renew: setup ## write docs/reference, the drawing and the rooms of docs/architecture.md anew
	PYTHONPATH=tools $(BIN)/python -m documents

live-picture: setup ## docs/live.svg: the screen of kws listen on a virtual microphone (PulseAudio)
	PYTHONPATH=tests/support $(BIN)/python tools/live_picture.py

clean: ## remove build/
	rm -rf $(BUILD)

# The emulator of the Pico is fetched once, below build/. An image needs no npm: this is for its tests.
emulate-pico: setup ## the Pico's image in rp2040js, against this machine
	@for tool in npm arm-none-eabi-gcc; do command -v $$tool >/dev/null || { \
	    echo "Raspberry Pi Pico not run: install nodejs npm gcc-arm-none-eabi libnewlib-arm-none-eabi"; \
	    exit 0; }; done; \
	test -d $(BUILD)/npm/node_modules/rp2040js || { mkdir -p $(BUILD)/npm && \
	    npm install --silent --no-fund --no-audit --prefix $(BUILD)/npm rp2040js@1.4.1; } && \
	$(BIN)/python -m pytest tests/boards --ignore tests/boards/uno -rs

# ---- testing --------------------------------------------------------------------------------

test: setup ## everything: lint, the C tests under sanitizers, short fuzzing, the Python tests
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory test-firmware
	@$(MAKE) --no-print-directory fuzz-short
	@$(MAKE) --no-print-directory test-python

# .clang-format-ignore names what generators write.
FORMATTED = $(shell git ls-files --cached --others --exclude-standard '*.c' '*.h')
PYTHON_SOURCES := kws data firmware tests tools setup.py
lint: setup ## ruff with its format check, mypy and clang-format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check $(PYTHON_SOURCES)
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run -Werror $(FORMATTED)

# A file of tests stays in one process, and shares there what it made.
test-python: setup
	$(BIN)/python -m pytest -n auto --dist loadfile

FIRMWARE_TESTS := $(addprefix $(BUILD)/tests/firmware_,sanitized small 8khz optimized unsigned_char)
FIRMWARE_TESTS += $(BUILD)/tests/firmware_all_tables
LANES_TESTS := $(addprefix $(BUILD)/tests/lanes_,sanitized baseline optimized)
APP_TESTS := $(addprefix $(BUILD)/tests/app_,sanitized unsigned_char)
test-firmware: $(FIRMWARE_TESTS) $(LANES_TESTS) $(APP_TESTS) ## the C tests: sanitized, with small limits, optimized
	@for test in $^; do \
	    $$test >$$test.log || { cat $$test.log; echo "$$test failed"; exit 1; }; \
	    echo "$$test: $$(tail -n 1 $$test.log)"; done

%_sanitized: FLAGS := $(SANITIZE)
$(BUILD)/tests/firmware_small: FLAGS := $(SANITIZE) $(SMALL)
$(BUILD)/tests/firmware_8khz: FLAGS := $(SANITIZE) -DKWS_MAX_SAMPLE_RATE_HZ=8000
# Vector instructions must not change an integer; where -march=native is unknown, -O3 has to do.
%_optimized: FLAGS = -O3 $(shell $(CC) -march=native -E -x c /dev/null \
    >/dev/null 2>&1 && echo -march=native) -Wno-stringop-overflow -Wno-unknown-warning-option
$(BUILD)/tests/firmware_all_tables: FLAGS := $(SANITIZE) -DKWS_WITH_32_MELS=1
%_unsigned_char: FLAGS := -Os -funsigned-char
$(FIRMWARE_TESTS): $(TEST_SOURCES) $(TEST_HEADERS) Makefile
	@mkdir -p $(@D)
	$(CC) $(STRICT) $(FLAGS) $(CFLAGS) $(INCLUDES) $(TEST_SOURCES) -o $@

# The host's batches: front end and network again, with 16 lanes.
$(BUILD)/tests/lanes_baseline: FLAGS := -O3
$(LANES_TESTS): tests/c/native/test_lanes.c $(wildcard kws/engine/native/lanes*.[ch]) $(ENGINE_C) \
                tests/c/engine/vectors.c $(TEST_HEADERS) Makefile
	@mkdir -p $(@D)
	$(CC) $(STRICT) $(FLAGS) -fopenmp-simd -DKWS_ONE_PROCESSOR -DKWS_WITH_32_MELS=1 $(CFLAGS) \
	    $(INCLUDES) -Ikws/engine/native $(filter %.c,$^) -o $@

# The application of the boards, on a board that is all in memory.
$(APP_TESTS): $(wildcard tests/c/app/*.[ch] firmware/app/*.[ch]) $(ENGINE_C) $(TEST_HEADERS) \
              tests/c/engine/runner.c tests/c/engine/run_host.c tests/c/engine/vectors.c Makefile
	@mkdir -p $(@D)
	$(CC) $(STRICT) $(FLAGS) $(CFLAGS) $(INCLUDES) -Itests/c/app -Ifirmware/app \
	    -include tests/c/app/app_tests.h $(filter %.c,$^) -o $@

# What guards data: the engine and, in Python, what tests/mutation/mutate.py lists.
FILE ?= $(wildcard firmware/src/kws_*.c) kws/support/sealed.py kws/support/cache.py \
        kws/corpus/decoded.py kws/corpus/unpack.py kws/corpus/download.py kws/device/protocol.py \
        kws/settings/model.py kws/training/checkpoint.py kws/training/feature_store.py
LIMIT ?= 40
mutate: setup ## change one token of a source at a time and list what no test notices; FILE=..., LIMIT=40 of each
	nice $(BIN)/python tests/mutation/mutate.py $(FILE) --limit $(LIMIT)

FUZZED := model stream
FUZZ_SOURCES := $(ENGINE_C) tests/c/engine/vectors.c
fuzz-short: $(FUZZED:%=$(BUILD)/tests/mutate_%)
	$(BUILD)/tests/mutate_model 20000
	$(BUILD)/tests/mutate_stream 1000

$(BUILD)/tests/mutate_%: tests/c/fuzz/fuzz_%.c tests/c/fuzz/mutate.c $(FUZZ_SOURCES) $(TEST_HEADERS) Makefile
	@mkdir -p $(@D)
	$(CC) $(STRICT) $(SANITIZE) $(CFLAGS) $(INCLUDES) $(FUZZ_SOURCES) tests/c/fuzz/mutate.c $< -o $@

# libFuzzer where clang has it, which learns from what it covers; else more of the mutations.
fuzz: $(FUZZED:%=$(BUILD)/tests/mutate_%) ## fuzz model files and chunks, FUZZ_SECONDS each
	@for part in $(FUZZED); do \
	    fuzzer=$(BUILD)/tests/libfuzzer_$$part; corpus=$(BUILD)/fuzz/$$part; mkdir -p $$corpus; \
	    if clang $(STRICT) $(SANITIZE) -fsanitize=fuzzer $(INCLUDES) $(FUZZ_SOURCES) \
	        tests/c/fuzz/fuzz_$$part.c -o $$fuzzer 2>$$fuzzer.log; then \
	        $(BUILD)/tests/mutate_$$part --seeds $$corpus && \
	        $$fuzzer -max_total_time=$(FUZZ_SECONDS) -max_len=2048 -print_final_stats=1 \
	            -artifact_prefix=$$corpus- $$corpus 2>&1 | tail -n 8 && \
	        ! ls $$corpus-* >/dev/null 2>&1 || { echo "see $$corpus-*"; exit 1; }; \
	    else \
	        echo "no libFuzzer (apt-get install clang libclang-rt-dev): mutations instead"; \
	        $(BUILD)/tests/mutate_$$part $$([ $$part = model ] && echo 1000000 || echo 10000) 7; \
	    fi || exit 1; done
