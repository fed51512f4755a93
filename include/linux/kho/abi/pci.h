/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Handover format "pci-state-v1": PCI devices that stay as they are over kexec.
 *
 * The string is that of a file-bound object; its u64 is the address of the head,
 * one preserved page. The head points to three sets of linked blocks (block.h):
 * devices, bridges above them, and chunks of variable-length state. Everything
 * is little endian, reserved fields are 0 and are not looked at.
 *
 * The sizes of the records are in the head. They may grow: a new field goes to
 * the end, a reader ignores what it does not know and takes 0 for what is not
 * there. A field that must not be ignored comes with a bit in @required, one
 * that may be ignored with a bit in @optional. A reader refuses a head or a
 * record with a bit in @required that it does not know.
 *
 * A changed layout or meaning needs a new PCI_STATE_COMPATIBLE.
 */
#ifndef LINUX_KHO_ABI_PCI_H
#define LINUX_KHO_ABI_PCI_H

#include <linux/build_bug.h>
#include <linux/stddef.h>
#include <linux/types.h>

#define PCI_STATE_COMPATIBLE	"pci-state-v1"

/* "PCISTATE" */
#define PCI_STATE_MAGIC		0x4554415453494350ULL

/*
 * Bits that this version knows; a head and a record have words of their own. No bit
 * is used in two of them: the table of formats has one word for all.
 */
#define PCI_STATE_HEAD_REQUIRED		0ULL
#define PCI_STATE_DEVICE_REQUIRED	0ULL
#define PCI_STATE_BRIDGE_REQUIRED	0ULL

/*
 * A function: segment << 16 | bus << 8 | device << 3 | function. A segment has
 * 32 bits. As @parent of a function on a root bus: PCI_STATE_ROOT.
 */
#define PCI_STATE_ROOT		(~0ULL)

/**
 * struct pci_state_head_ser - the head
 * @magic: PCI_STATE_MAGIC
 * @size: bytes of this structure
 * @device_size: bytes of a &struct pci_state_device_ser
 * @bridge_size: bytes of a &struct pci_state_bridge_ser
 * @chunk_size: bytes of a &struct pci_state_chunk_ser
 * @required: features that a reader must know
 * @optional: features that a reader may ignore
 * @devices: address of the first block of devices, 0 for none
 * @nr_devices: number of devices
 * @bridges: address of the first block of bridges, 0 for none
 * @nr_bridges: number of bridges
 * @chunks: address of the first block of chunks, 0 for none
 * @nr_chunks: number of chunks
 * @reserved: 0
 */
struct pci_state_head_ser {
	u64 magic;
	u32 size;
	u32 device_size;
	u32 bridge_size;
	u32 chunk_size;
	u64 required;
	u64 optional;
	u64 devices;
	u64 nr_devices;
	u64 bridges;
	u64 nr_bridges;
	u64 chunks;
	u64 nr_chunks;
	u64 reserved[4];
};

static_assert(sizeof(struct pci_state_head_ser) == 120);
static_assert(offsetof(struct pci_state_head_ser, magic) == 0);
static_assert(offsetof(struct pci_state_head_ser, size) == 8);
static_assert(offsetof(struct pci_state_head_ser, device_size) == 12);
static_assert(offsetof(struct pci_state_head_ser, bridge_size) == 16);
static_assert(offsetof(struct pci_state_head_ser, chunk_size) == 20);
static_assert(offsetof(struct pci_state_head_ser, required) == 24);
static_assert(offsetof(struct pci_state_head_ser, optional) == 32);
static_assert(offsetof(struct pci_state_head_ser, devices) == 40);
static_assert(offsetof(struct pci_state_head_ser, nr_devices) == 48);
static_assert(offsetof(struct pci_state_head_ser, bridges) == 56);
static_assert(offsetof(struct pci_state_head_ser, nr_bridges) == 64);
static_assert(offsetof(struct pci_state_head_ser, chunks) == 72);
static_assert(offsetof(struct pci_state_head_ser, nr_chunks) == 80);
static_assert(offsetof(struct pci_state_head_ser, reserved) == 88);

/**
 * struct pci_state_id_ser - who and where a function is
 * @key: the function, unique over devices and bridges together
 * @parent: the bridge above, which is among the bridges, or PCI_STATE_ROOT
 * @dsn: device serial number, 0 if it has none
 * @vendor: register
 * @device: register
 * @subsystem_vendor: register; of a bridge from its capability
 * @subsystem_device: register; of a bridge from its capability
 * @class: base class << 16 | sub-class << 8 | programming interface
 * @revision: register
 * @hdr_type: register without the multi-function bit
 * @reserved: 0
 * @root_uid: name that the firmware gave to the host bridge, NUL terminated
 *	and cut if need be; only where @parent is PCI_STATE_ROOT
 */
struct pci_state_id_ser {
	u64 key;
	u64 parent;
	u64 dsn;
	u16 vendor;
	u16 device;
	u16 subsystem_vendor;
	u16 subsystem_device;
	u32 class;
	u8 revision;
	u8 hdr_type;
	u16 reserved;
	char root_uid[16];
};

static_assert(sizeof(struct pci_state_id_ser) == 56);
static_assert(offsetof(struct pci_state_id_ser, key) == 0);
static_assert(offsetof(struct pci_state_id_ser, parent) == 8);
static_assert(offsetof(struct pci_state_id_ser, dsn) == 16);
static_assert(offsetof(struct pci_state_id_ser, vendor) == 24);
static_assert(offsetof(struct pci_state_id_ser, device) == 26);
static_assert(offsetof(struct pci_state_id_ser, subsystem_vendor) == 28);
static_assert(offsetof(struct pci_state_id_ser, subsystem_device) == 30);
static_assert(offsetof(struct pci_state_id_ser, class) == 32);
static_assert(offsetof(struct pci_state_id_ser, revision) == 36);
static_assert(offsetof(struct pci_state_id_ser, hdr_type) == 37);
static_assert(offsetof(struct pci_state_id_ser, reserved) == 38);
static_assert(offsetof(struct pci_state_id_ser, root_uid) == 40);

/**
 * struct pci_state_bar_ser - a base address register, or the two of a 64-bit one
 * @address: bus address as in the register, without its flag bits
 * @size: bytes, a power of two; 0 if there is no such BAR
 * @flags: the flag bits of the register (PCI_BASE_ADDRESS_*); of the ROM its
 *	enable bit
 * @reserved: 0
 *
 * The upper half of a 64-bit BAR has size 0.
 */
struct pci_state_bar_ser {
	u64 address;
	u64 size;
	u32 flags;
	u32 reserved;
};

static_assert(sizeof(struct pci_state_bar_ser) == 24);
static_assert(offsetof(struct pci_state_bar_ser, address) == 0);
static_assert(offsetof(struct pci_state_bar_ser, size) == 8);
static_assert(offsetof(struct pci_state_bar_ser, flags) == 16);
static_assert(offsetof(struct pci_state_bar_ser, reserved) == 20);

/* Each capability of struct pci_state_express_ser that is there, in @present */
#define PCI_STATE_HAS_EXPRESS	0x0001
#define PCI_STATE_HAS_EXPRESS2	0x0002	/* devctl2, lnkctl2 */
#define PCI_STATE_HAS_LINK	0x0004	/* lnkctl */
#define PCI_STATE_HAS_ACS	0x0008
#define PCI_STATE_HAS_ATS	0x0010
#define PCI_STATE_HAS_PASID	0x0020
#define PCI_STATE_HAS_ARI	0x0040	/* of a port: ARI forwarding is on */

/**
 * struct pci_state_express_ser - control registers that keep their values
 * @present: PCI_STATE_HAS_*; a field without its bit is 0
 * @flags: PCI Express Capabilities register
 * @devctl: Device Control
 * @devctl2: Device Control 2; of a port with ARI forwarding
 * @lnkctl: Link Control
 * @lnkctl2: Link Control 2
 * @acs: ACS Control
 * @ats: ATS Control
 * @pasid: PASID Control
 * @reserved: 0
 */
struct pci_state_express_ser {
	u16 present;
	u16 flags;
	u16 devctl;
	u16 devctl2;
	u16 lnkctl;
	u16 lnkctl2;
	u16 acs;
	u16 ats;
	u16 pasid;
	u16 reserved[3];
};

static_assert(sizeof(struct pci_state_express_ser) == 24);
static_assert(offsetof(struct pci_state_express_ser, present) == 0);
static_assert(offsetof(struct pci_state_express_ser, flags) == 2);
static_assert(offsetof(struct pci_state_express_ser, devctl) == 4);
static_assert(offsetof(struct pci_state_express_ser, devctl2) == 6);
static_assert(offsetof(struct pci_state_express_ser, lnkctl) == 8);
static_assert(offsetof(struct pci_state_express_ser, lnkctl2) == 10);
static_assert(offsetof(struct pci_state_express_ser, acs) == 12);
static_assert(offsetof(struct pci_state_express_ser, ats) == 14);
static_assert(offsetof(struct pci_state_express_ser, pasid) == 16);
static_assert(offsetof(struct pci_state_express_ser, reserved) == 18);

/**
 * struct pci_state_ref_ser - variable-length state
 * @first: number of its first chunk; the others follow in order
 * @length: bytes, 0 for none
 */
struct pci_state_ref_ser {
	u32 first;
	u32 length;
};

static_assert(sizeof(struct pci_state_ref_ser) == 8);
static_assert(offsetof(struct pci_state_ref_ser, first) == 0);
static_assert(offsetof(struct pci_state_ref_ser, length) == 4);

#define PCI_STATE_NR_BARS	7	/* six and the ROM */

#define PCI_STATE_FORMAT_LENGTH	48
#define PCI_STATE_DRIVER_LENGTH	32

/**
 * struct pci_state_device_ser - a preserved device
 * @id: who and where
 * @required: features that a reader must know
 * @optional: features that a reader may ignore
 * @format: format of @data, NUL terminated; decides which driver may bind
 * @data: the driver's
 * @bars: as the device has them
 * @express: registers that keep their values
 * @command: Command register at the jump
 * @irq_type: interrupts that the driver used: 0 none, 1 INTx, 2 MSI, 3 MSI-X
 * @irq_count: number of vectors that it used
 * @reserved: 0
 * @config: configuration state at the jump
 * @initial: configuration state to go back to when the device is given up
 * @driver: who preserved it, for messages only, NUL terminated
 * @reserved2: 0
 */
struct pci_state_device_ser {
	struct pci_state_id_ser id;
	u64 required;
	u64 optional;
	char format[PCI_STATE_FORMAT_LENGTH];
	u64 data;
	struct pci_state_bar_ser bars[PCI_STATE_NR_BARS];
	struct pci_state_express_ser express;
	u16 command;
	u16 irq_type;
	u16 irq_count;
	u16 reserved;
	struct pci_state_ref_ser config;
	struct pci_state_ref_ser initial;
	char driver[PCI_STATE_DRIVER_LENGTH];
	u64 reserved2[16];
};

static_assert(sizeof(struct pci_state_device_ser) == 504);
static_assert(offsetof(struct pci_state_device_ser, id) == 0);
static_assert(offsetof(struct pci_state_device_ser, required) == 56);
static_assert(offsetof(struct pci_state_device_ser, optional) == 64);
static_assert(offsetof(struct pci_state_device_ser, format) == 72);
static_assert(offsetof(struct pci_state_device_ser, data) == 120);
static_assert(offsetof(struct pci_state_device_ser, bars) == 128);
static_assert(offsetof(struct pci_state_device_ser, express) == 296);
static_assert(offsetof(struct pci_state_device_ser, command) == 320);
static_assert(offsetof(struct pci_state_device_ser, irq_type) == 322);
static_assert(offsetof(struct pci_state_device_ser, irq_count) == 324);
static_assert(offsetof(struct pci_state_device_ser, reserved) == 326);
static_assert(offsetof(struct pci_state_device_ser, config) == 328);
static_assert(offsetof(struct pci_state_device_ser, initial) == 336);
static_assert(offsetof(struct pci_state_device_ser, driver) == 344);
static_assert(offsetof(struct pci_state_device_ser, reserved2) == 376);

/* Windows that the bridge can open, in pci_state_bridge_ser.windows */
#define PCI_STATE_WINDOW_IO		0x1
#define PCI_STATE_WINDOW_PREF		0x2
#define PCI_STATE_WINDOW_PREF_64	0x4

/**
 * struct pci_state_bridge_ser - a bridge above at least one preserved device
 * @id: who and where
 * @required: features that a reader must know
 * @optional: features that a reader may ignore
 * @nr_devices: number of preserved devices below, at any depth
 * @primary: register
 * @secondary: register
 * @subordinate: register
 * @windows: PCI_STATE_WINDOW_*
 * @command: Command register
 * @bridge_control: register
 * @io_base: register
 * @io_limit: register
 * @reserved: 0
 * @io_base_upper: register
 * @io_limit_upper: register
 * @memory_base: register
 * @memory_limit: register
 * @pref_base: register
 * @pref_limit: register
 * @reserved2: 0
 * @pref_base_upper: register
 * @pref_limit_upper: register
 * @express: registers that keep their values
 * @bars: the two BARs and the ROM
 * @reserved3: 0
 */
struct pci_state_bridge_ser {
	struct pci_state_id_ser id;
	u64 required;
	u64 optional;
	u32 nr_devices;
	u8 primary;
	u8 secondary;
	u8 subordinate;
	u8 windows;
	u16 command;
	u16 bridge_control;
	u8 io_base;
	u8 io_limit;
	u16 reserved;
	u16 io_base_upper;
	u16 io_limit_upper;
	u16 memory_base;
	u16 memory_limit;
	u16 pref_base;
	u16 pref_limit;
	u32 reserved2;
	u32 pref_base_upper;
	u32 pref_limit_upper;
	struct pci_state_express_ser express;
	struct pci_state_bar_ser bars[3];
	u64 reserved3[4];
};

static_assert(sizeof(struct pci_state_bridge_ser) == 240);
static_assert(offsetof(struct pci_state_bridge_ser, id) == 0);
static_assert(offsetof(struct pci_state_bridge_ser, required) == 56);
static_assert(offsetof(struct pci_state_bridge_ser, optional) == 64);
static_assert(offsetof(struct pci_state_bridge_ser, nr_devices) == 72);
static_assert(offsetof(struct pci_state_bridge_ser, primary) == 76);
static_assert(offsetof(struct pci_state_bridge_ser, secondary) == 77);
static_assert(offsetof(struct pci_state_bridge_ser, subordinate) == 78);
static_assert(offsetof(struct pci_state_bridge_ser, windows) == 79);
static_assert(offsetof(struct pci_state_bridge_ser, command) == 80);
static_assert(offsetof(struct pci_state_bridge_ser, bridge_control) == 82);
static_assert(offsetof(struct pci_state_bridge_ser, io_base) == 84);
static_assert(offsetof(struct pci_state_bridge_ser, io_limit) == 85);
static_assert(offsetof(struct pci_state_bridge_ser, reserved) == 86);
static_assert(offsetof(struct pci_state_bridge_ser, io_base_upper) == 88);
static_assert(offsetof(struct pci_state_bridge_ser, io_limit_upper) == 90);
static_assert(offsetof(struct pci_state_bridge_ser, memory_base) == 92);
static_assert(offsetof(struct pci_state_bridge_ser, memory_limit) == 94);
static_assert(offsetof(struct pci_state_bridge_ser, pref_base) == 96);
static_assert(offsetof(struct pci_state_bridge_ser, pref_limit) == 98);
static_assert(offsetof(struct pci_state_bridge_ser, reserved2) == 100);
static_assert(offsetof(struct pci_state_bridge_ser, pref_base_upper) == 104);
static_assert(offsetof(struct pci_state_bridge_ser, pref_limit_upper) == 108);
static_assert(offsetof(struct pci_state_bridge_ser, express) == 112);
static_assert(offsetof(struct pci_state_bridge_ser, bars) == 136);
static_assert(offsetof(struct pci_state_bridge_ser, reserved3) == 208);

#define PCI_STATE_CHUNK_UNUSED	0	/* nothing in it */
#define PCI_STATE_CHUNK_CONFIG	1	/* of pci_state_device_ser.config */
#define PCI_STATE_CHUNK_INITIAL	2	/* of pci_state_device_ser.initial */

#define PCI_STATE_CHUNK_BYTES	224

/**
 * struct pci_state_chunk_ser - a piece of variable-length state
 * @key: the device that it belongs to
 * @index: 0, 1, ... within this state
 * @kind: PCI_STATE_CHUNK_*
 * @length: bytes used; less than PCI_STATE_CHUNK_BYTES only in the last one
 * @bytes: the state
 */
struct pci_state_chunk_ser {
	u64 key;
	u32 index;
	u16 kind;
	u16 length;
	u8 bytes[PCI_STATE_CHUNK_BYTES];
};

static_assert(sizeof(struct pci_state_chunk_ser) == 240);
static_assert(offsetof(struct pci_state_chunk_ser, key) == 0);
static_assert(offsetof(struct pci_state_chunk_ser, index) == 8);
static_assert(offsetof(struct pci_state_chunk_ser, kind) == 12);
static_assert(offsetof(struct pci_state_chunk_ser, length) == 14);
static_assert(offsetof(struct pci_state_chunk_ser, bytes) == 16);

/*
 * Configuration state is a list of these, each followed by @length bytes and
 * padded to a multiple of 8. The first one is the header: PCI_STATE_CAP_HEADER,
 * id 0, 64 bytes.
 */
#define PCI_STATE_CAP_NORMAL	0
#define PCI_STATE_CAP_EXTENDED	1
#define PCI_STATE_CAP_HEADER	2

/**
 * struct pci_state_cap_ser - state of one capability
 * @id: capability id
 * @space: PCI_STATE_CAP_*
 * @version: of what follows, for this capability; 1
 * @length: bytes that follow, without padding
 * @offset: of the capability in configuration space, for messages
 */
struct pci_state_cap_ser {
	u16 id;
	u8 space;
	u8 version;
	u16 length;
	u16 offset;
};

static_assert(sizeof(struct pci_state_cap_ser) == 8);
static_assert(offsetof(struct pci_state_cap_ser, id) == 0);
static_assert(offsetof(struct pci_state_cap_ser, space) == 2);
static_assert(offsetof(struct pci_state_cap_ser, version) == 3);
static_assert(offsetof(struct pci_state_cap_ser, length) == 4);
static_assert(offsetof(struct pci_state_cap_ser, offset) == 6);

#endif /* LINUX_KHO_ABI_PCI_H */
