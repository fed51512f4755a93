/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For linker scripts: the table of handover formats, see linux/liveupdate_format.h.
 * Its size is in the head, between the magic number and the rest, and only the linker
 * knows it.
 */
#ifndef __ASM_GENERIC_LIVEUPDATE_LDS_H
#define __ASM_GENERIC_LIVEUPDATE_LDS_H

#ifdef CONFIG_KEXEC_HANDOVER
#define LIVEUPDATE_FORMATS							\
	. = ALIGN(8);								\
	.liveupdate_formats : AT(ADDR(.liveupdate_formats) - LOAD_OFFSET) {	\
		__start_liveupdate_formats = .;					\
		KEEP(*(.liveupdate_formats.magic))				\
		LONG(__stop_liveupdate_formats - __start_liveupdate_formats)	\
		KEEP(*(.liveupdate_formats.head))				\
		KEEP(*(.liveupdate_formats.entry))				\
		__stop_liveupdate_formats = .;					\
	}
#else
#define LIVEUPDATE_FORMATS
#endif

#endif /* __ASM_GENERIC_LIVEUPDATE_LDS_H */
