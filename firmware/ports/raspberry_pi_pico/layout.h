/* Where things lie in the 2 MB of flash; kws/board_image.py has the same. Sectors have 4 KB. */
#ifndef LAYOUT_H
#define LAYOUT_H

#define FLASH_START 0x10000000u
#define FLASH_BOARD 0x00f000u  /* "kwsb", then the microphone: 0 analog on GP26, 1 I2S */
#define FLASH_MODELS 0x010000u /* two places of 64 KB */
#define FLASH_MODEL_BYTES 0x010000u
#define FLASH_SETTINGS 0x1fe000u /* two sectors */
#define FLASH_SECTOR 4096u
#define FLASH_PAGE 256u

#endif
