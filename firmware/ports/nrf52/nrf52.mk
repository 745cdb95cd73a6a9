# Shared by the boards with an nRF52: BOARD, MICROPHONE, FLASH_BASE, RAM_BYTES and RAM_SKIPPED come from
# the board's Makefile. `make BOARD.bin` renews the image that is checked in; a test compares it.
CROSS ?= arm-none-eabi-
COMPILER := 12.2.1
ROOT := ../../..
BUILD ?= $(ROOT)/build/$(BOARD)
NRF52 := ../nrf52
ENGINE := $(ROOT)/firmware/src
include $(ENGINE)/sources.mk
SOURCES := $(MICROPHONE) $(wildcard $(NRF52)/*.c $(ROOT)/firmware/app/*.c) $(ENGINE_C)
HEADERS := $(wildcard *.h $(NRF52)/*.h $(ROOT)/firmware/app/*.h) $(ENGINE_H)
STRICT := -std=c99 -Wall -Wextra -Wconversion -Wshadow -Wmissing-prototypes -Wvla -Wundef -pedantic -Werror
CORE := -O2 -mcpu=cortex-m4 -mthumb -ffreestanding -fno-tree-loop-distribute-patterns \
        -ffunction-sections -fdata-sections -DFLASH_BASE=$(FLASH_BASE)u
INCLUDES := -I. -I$(NRF52) -I$(ROOT)/firmware/app -I$(ROOT)/firmware/include -I$(ENGINE)
DEFINED := $(foreach name,FLASH_BASE RAM_BYTES RAM_SKIPPED,-Wl,--defsym=$(name)=$($(name)))

.PHONY: all
all: $(BUILD)/image.bin

$(BUILD)/image.bin: $(BUILD)/image.elf
	$(CROSS)objcopy -O binary $< $@
	$(CROSS)size $<

$(BUILD)/image.elf: $(SOURCES) $(HEADERS) $(NRF52)/nrf52.ld $(NRF52)/nrf52.mk Makefile
	@mkdir -p $(BUILD)
	$(CROSS)gcc $(STRICT) $(CORE) $(INCLUDES) -nostartfiles -Wl,--gc-sections $(DEFINED) \
	    -Wl,-Map=$(BUILD)/image.map -T $(NRF52)/nrf52.ld $(SOURCES) -lc -lgcc -o $@

$(BOARD).bin: $(BUILD)/image.bin
	@$(CROSS)gcc -dumpfullversion | grep -qx $(COMPILER) || { echo "needs $(CROSS)gcc $(COMPILER)"; exit 1; }
	cp $< $@
