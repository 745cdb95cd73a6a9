/* Where things lie in flash, from FLASH_BASE on; kws/deploy.py has the same. */
#ifndef LAYOUT_H
#define LAYOUT_H

#define FLASH_MODELS (FLASH_BASE + 0x10000u) /* two places of 64 KB behind 64 KB for the image */
#define FLASH_MODEL_BYTES 0x10000u
#define FLASH_SETTINGS (FLASH_BASE + 0x30000u) /* two pages */
#define FLASH_PAGE 4096u

#endif
