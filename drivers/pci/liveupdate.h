/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Live update of PCI devices: what the PCI core shares with it.
 *
 * liveupdate.c         the file-bound object, freeze, switch-on
 * liveupdate_out.c     old kernel: what is preserved, freeze
 * liveupdate_refuse.c  old kernel: what cannot be preserved
 * liveupdate_record.c  old kernel: a device or bridge becomes a record
 * liveupdate_table.c   new kernel: the records that are good
 * liveupdate_in.c      new kernel: functions recognised, the others reported
 * liveupdate_life.c    new kernel: retrieve, finish, abandon, who may bind
 * liveupdate_check.c   pure checks of records, also built on the host
 * liveupdate_sysfs.c   liveupdate/ in the folder of a device
 * liveupdate_adopt.c   new kernel: enumeration leaves an incoming device alone
 * liveupdate_guard.c   both: nothing resets, removes or powers down
 * liveupdate_state.c   configuration state as a list of capabilities
 * liveupdate_caps.c    capabilities that cannot be carried
 * liveupdate_irq.c     interrupts off for the jump
 *
 * Life of a device in the old kernel: none, outgoing (preserved), frozen. In the new
 * one: incoming (recognised before the first write to it), retrieved (a file
 * stands for it again), then finished, or abandoned. Bridges above go along: they
 * are outgoing or incoming as long as one device below them is.
 *
 * A function has one struct pci_lu_out from its first preserve on and one struct
 * pci_lu_in from pci_setup_device() on, if a record is there for it. Both pointers stay
 * until pci_release_dev(), so the predicates below need no lock. States change under
 * pci_lu_lock, which is taken inside of the locks of LUO and of
 * pci_rescan_remove_lock and of the device lock; callbacks of drivers run under it.
 */
#ifndef DRIVERS_PCI_LIVEUPDATE_H
#define DRIVERS_PCI_LIVEUPDATE_H

#include <linux/compiler.h>
#include <linux/jump_label.h>
#include <linux/pci.h>

struct pci_saved_state;

enum pci_lu_state {
	PCI_LU_NONE,
	PCI_LU_OUTGOING,
	PCI_LU_FROZEN,
	PCI_LU_INCOMING,
	PCI_LU_RETRIEVED,
	PCI_LU_FINISHED,
	PCI_LU_ABANDONED,
};

#ifdef CONFIG_PCI_LIVEUPDATE

#include <linux/kho/abi/pci.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>

extern struct mutex pci_lu_lock;

/**
 * struct pci_lu_out - a function in the old kernel
 * @dev: the function
 * @state: PCI_LU_NONE, PCI_LU_OUTGOING or PCI_LU_FROZEN
 * @is_bridge: it is here for the devices below it
 * @ops: those of the driver that preserved it; devices only
 * @nr_devices: bridges: number of preserved devices below it
 * @list: in the list of outgoing devices or bridges, in the order of preserving
 * @data: the driver's, handed over
 * @initial: configuration state that the driver gave
 * @state_size: upper limit of its configuration state
 * @nr_chunks: chunks reserved for its variable-length state
 * @irq_type: as in &struct pci_state_device_ser, from when the driver had them
 * @irq_count: likewise
 * @command: Command register before interrupts were turned off
 * @msi: MSI control before interrupts were turned off
 * @msix: MSI-X control before interrupts were turned off
 */
struct pci_lu_out {
	struct pci_dev *dev;
	u8 state;
	bool is_bridge;
	const struct pci_liveupdate_ops *ops;
	u32 nr_devices;
	struct list_head list;
	u64 data;
	struct pci_saved_state *initial;
	u32 state_size;
	u32 nr_chunks;
	u16 irq_type;
	u16 irq_count;
	u16 command;
	u16 msi;
	u16 msix;
};

/**
 * struct pci_lu_in - a record of the previous kernel, checked
 * @kref: one for the table of records, one for the function that it belongs to
 * @key: segment << 16 | bus << 8 | devfn
 * @state: PCI_LU_INCOMING and on
 * @is_bridge: @bridge is valid, else @device
 * @adopted: a function was recognised and is left alone; stays set
 * @lost: why there is no function for it, NULL if there is or was not looked yet
 * @dev: the function, NULL if there is none
 * @parent: record of the bridge above, NULL on a root bus
 * @nr_devices: bridges: number of devices below it that are not finished
 * @config: configuration state, @device.config.length bytes, NULL if there is none
 * @initial: configuration state to go back to, likewise
 * @fixed: resources that adoption keeps from being moved, a bit for each
 * @held: runtime PM is held
 * @device: the record of a device
 * @bridge: the record of a bridge
 */
struct pci_lu_in {
	struct kref kref;
	u64 key;
	u8 state;
	bool is_bridge;
	bool adopted;
	const char *lost;
	struct pci_dev *dev;
	struct pci_lu_in *parent;
	u32 nr_devices;
	void *config;
	void *initial;
	u32 fixed;
	bool held;
	union {
		struct pci_state_device_ser device;
		struct pci_state_bridge_ser bridge;
	};
};

/* Is there any record that is not finished? The key stays on once there was anything. */
DECLARE_STATIC_KEY_FALSE(pci_lu_any_incoming_key);

extern unsigned long pci_lu_nr_incoming;

static inline bool pci_lu_any_incoming(void)
{
	return static_branch_unlikely(&pci_lu_any_incoming_key) &&
	       READ_ONCE(pci_lu_nr_incoming);
}

/* A device or bridge that runs since the previous kernel and is not to be touched */
static inline bool pci_lu_incoming(const struct pci_dev *dev)
{
	const struct pci_lu_in *in = READ_ONCE(dev->lu_in);

	return in && (READ_ONCE(in->state) == PCI_LU_INCOMING ||
		      READ_ONCE(in->state) == PCI_LU_RETRIEVED);
}

/*
 * The record of an incoming device, or bridge, NULL if it is not one, not one any
 * more, or the other of the two. Valid as long as the function is.
 */
static inline const struct pci_state_device_ser *
pci_lu_incoming_device(const struct pci_dev *dev)
{
	if (!pci_lu_incoming(dev) || dev->lu_in->is_bridge)
		return NULL;
	return &dev->lu_in->device;
}

static inline const struct pci_state_bridge_ser *
pci_lu_incoming_bridge(const struct pci_dev *dev)
{
	if (!pci_lu_incoming(dev) || !dev->lu_in->is_bridge)
		return NULL;
	return &dev->lu_in->bridge;
}

/* A device or bridge that is going to be handed over, frozen or not */
static inline bool pci_lu_outgoing(const struct pci_dev *dev)
{
	const struct pci_lu_out *out = READ_ONCE(dev->lu_out);

	return out && READ_ONCE(out->state) != PCI_LU_NONE;
}

static inline bool pci_lu_frozen(const struct pci_dev *dev)
{
	const struct pci_lu_out *out = READ_ONCE(dev->lu_out);

	return out && READ_ONCE(out->state) == PCI_LU_FROZEN;
}

static inline u64 pci_lu_key(int segment, u8 bus, u8 devfn)
{
	return (u64)(u32)segment << 16 | bus << 8 | devfn;
}

/* Hooks: one line each in the file that is named, see the list in the documentation */
void pci_lu_setup_device(struct pci_dev *dev);		/* probe.c */
void pci_lu_release_device(struct pci_dev *dev);	/* probe.c */
void pci_lu_stop_device(struct pci_dev *dev);		/* remove.c */
int pci_lu_may_probe(struct pci_dev *dev,		/* pci-driver.c */
		     const struct pci_driver *drv);
void pci_lu_driver_gone(struct pci_dev *dev);		/* pci-driver.c */
extern const struct attribute_group pci_lu_group;	/* pci-sysfs.c */

/*
 * What the parts provide for each other.
 *
 * liveupdate_adopt.c. pci_lu_power_hold(): preserve, for the device and for each
 * bridge that was not outgoing before: to D0 and kept there; may fail and undoes
 * itself. pci_lu_adopt_begin(): the function was recognised, runs in
 * pci_setup_device() before early fixups, dev->lu_in is set. pci_lu_adopt_end(): it is
 * finished or abandoned, or goes away; runs once for each begin. pci_lu_adopt_state():
 * before a driver that accepts it probes it, under the device lock.
 */
int pci_lu_power_hold(struct pci_dev *dev);
void pci_lu_power_release(struct pci_dev *dev);
void pci_lu_adopt_begin(struct pci_dev *dev);
void pci_lu_adopt_end(struct pci_dev *dev);
void pci_lu_adopt_state(struct pci_dev *dev);

/*
 * liveupdate_state.c, the only one that looks into struct pci_saved_state.
 *
 * pci_lu_state_unsupported(): the first capability of the device that is in use and
 * cannot be carried, named for a message, NULL if all can. pci_lu_state_size(): upper
 * limit of what pci_lu_state_write() will need; the capabilities of a device do not
 * change. pci_lu_state_write(): to @buf, as a list of &struct pci_state_cap_ser; bytes
 * written, or a negative errno; @state NULL means the device as it is now.
 * pci_lu_state_read(): back, NULL or an ERR_PTR(); names each capability that the
 * device does not have any more. pci_lu_irq_freeze(): interrupts of the device masked
 * and off, the registers as they were kept in @out. pci_lu_irq_unfreeze(): back.
 */
const char *pci_lu_state_unsupported(struct pci_dev *dev);
u32 pci_lu_state_size(struct pci_dev *dev);
int pci_lu_state_write(struct pci_dev *dev, const struct pci_saved_state *state,
		       void *buf, u32 size);
struct pci_saved_state *pci_lu_state_read(struct pci_dev *dev, const void *buf,
					  u32 length);
struct pci_saved_state *pci_lu_state_dup(struct pci_dev *dev,
					 const struct pci_saved_state *state);
void pci_lu_irq_freeze(struct pci_dev *dev, struct pci_lu_out *out);
void pci_lu_irq_unfreeze(struct pci_dev *dev, const struct pci_lu_out *out);

/* Adoption and guards: the hooks, and what they need */

/* Its hardware must stay as it is: from freeze to the jump, and in the new kernel until finish */
static inline bool pci_lu_pinned(const struct pci_dev *dev)
{
	return pci_lu_incoming(dev) || pci_lu_frozen(dev);
}

/* An endpoint that is frozen: device_shutdown() leaves it alone, not only its bus mastering */
static inline bool pci_lu_frozen_device(const struct pci_dev *dev)
{
	return pci_lu_frozen(dev) && !dev->lu_out->is_bridge;
}

/* liveupdate_adopt.c, with what is behind the hooks of the same name below */
bool __pci_lu_adopt_bar(struct pci_dev *dev, struct resource *res, unsigned int pos);
void __pci_lu_adopt_windows(struct pci_dev *bridge);
void __pci_lu_adopt_settings(struct pci_dev *dev);
void __pci_lu_adopt_power(struct pci_dev *dev);
bool __pci_lu_adopt_acs(struct pci_dev *dev);
void __pci_lu_adopt_ari(struct pci_dev *bridge);
int pci_lu_adopt_intx(struct pci_dev *dev, u16 command);
void __pci_lu_claim_bus(struct pci_bus *bus);
void __pci_lu_claim_device(struct pci_dev *dev);
void __pci_lu_fixups_begin(enum pci_fixup_pass pass);
void __pci_lu_fixups_end(enum pci_fixup_pass pass);
bool __pci_lu_drop_write(const struct pci_dev *dev, int where, u32 value);
bool pci_lu_any_outgoing(void);

/* probe.c: a BAR taken from its register and the record, not sized */
static inline bool pci_lu_adopt_bar(struct pci_dev *dev, struct resource *res,
				    unsigned int pos)
{
	return pci_lu_incoming(dev) && __pci_lu_adopt_bar(dev, res, pos);
}

/* probe.c: which windows the bridge can open, without trying */
static inline bool pci_lu_adopt_windows(struct pci_dev *bridge)
{
	if (!pci_lu_incoming(bridge))
		return false;
	__pci_lu_adopt_windows(bridge);
	return true;
}

/* probe.c: MPS, MRRS, tags, ordering, LTR, RCB, SERR stay */
static inline bool pci_lu_adopt_settings(struct pci_dev *dev)
{
	if (!pci_lu_incoming(dev))
		return false;
	__pci_lu_adopt_settings(dev);
	return true;
}

/* probe.c: D0, and kept there */
static inline void pci_lu_adopt_power(struct pci_dev *dev)
{
	if (pci_lu_incoming(dev))
		__pci_lu_adopt_power(dev);
}

/* pci.c: ACS stays, also over a reset after finish */
static inline bool pci_lu_adopt_acs(struct pci_dev *dev)
{
	return READ_ONCE(dev->lu_in) && __pci_lu_adopt_acs(dev);
}

/* pci.c: ARI forwarding of the bridge above stays */
static inline bool pci_lu_adopt_ari(struct pci_dev *dev)
{
	struct pci_dev *bridge = dev->bus->self;

	if (!bridge || !pci_lu_incoming(bridge))
		return false;
	__pci_lu_adopt_ari(bridge);
	return true;
}

/* probe.c: incoming functions below get their addresses before anyone else */
static inline void pci_lu_claim_bus(struct pci_bus *bus)
{
	if (pci_lu_any_incoming())
		__pci_lu_claim_bus(bus);
}

/* bus.c: the same for a single one that came by hotplug */
static inline void pci_lu_claim_device(struct pci_dev *dev)
{
	if (pci_lu_incoming(dev))
		__pci_lu_claim_device(dev);
}

/* quirks.c, access.c: fixups do not write to what is incoming */
static inline void pci_lu_fixups_begin(enum pci_fixup_pass pass)
{
	if (pci_lu_any_incoming())
		__pci_lu_fixups_begin(pass);
}

static inline void pci_lu_fixups_end(enum pci_fixup_pass pass)
{
	if (pci_lu_any_incoming())
		__pci_lu_fixups_end(pass);
}

static inline bool pci_lu_drop_write(const struct pci_dev *dev, int where, u32 value)
{
	return pci_lu_any_incoming() && __pci_lu_drop_write(dev, where, value);
}

/*
 * liveupdate_guard.c. pci_lu_refuse*() say why and return true if @what must not
 * happen now; the caller returns -EBUSY. pci_lu_refuse(): to a pinned function.
 * pci_lu_refuse_preserved(): to one that is preserved, frozen or not, or incoming.
 * pci_lu_refuse_bus(): to a bus with a pinned function on it. pci_lu_refuse_slot(): a
 * slot switched off. pci_lu_refuse_rescan(): NULL for all buses. pci_lu_defer_*(): true
 * if it was put off until nothing below the port is pinned any more, and will be done then.
 */
bool __pci_lu_refuse(struct pci_dev *dev, const char *what);
bool pci_lu_refuse_bus(struct pci_bus *bus, const char *what);
bool pci_lu_refuse_slot(struct pci_bus *bus, int device);
bool pci_lu_refuse_rescan(struct pci_bus *bus);
bool pci_lu_refuse_resize(struct pci_dev *dev);
bool pci_lu_defer_recovery(struct pci_dev *port, struct pci_dev *dev,
			   pci_channel_state_t state,
			   pci_ers_result_t (*reset)(struct pci_dev *dev));
bool pci_lu_defer_hotplug(struct pci_dev *port, u32 events);

static inline bool pci_lu_refuse(struct pci_dev *dev, const char *what)
{
	return pci_lu_pinned(dev) && __pci_lu_refuse(dev, what);
}

static inline bool pci_lu_refuse_preserved(struct pci_dev *dev, const char *what)
{
	return (pci_lu_incoming(dev) || pci_lu_outgoing(dev)) &&
	       __pci_lu_refuse(dev, what);
}

#else /* !CONFIG_PCI_LIVEUPDATE */

static inline bool pci_lu_any_incoming(void)
{
	return false;
}

static inline bool pci_lu_incoming(const struct pci_dev *dev)
{
	return false;
}

static inline bool pci_lu_outgoing(const struct pci_dev *dev)
{
	return false;
}

static inline bool pci_lu_frozen(const struct pci_dev *dev)
{
	return false;
}

static inline void pci_lu_setup_device(struct pci_dev *dev) { }
static inline void pci_lu_release_device(struct pci_dev *dev) { }
static inline void pci_lu_stop_device(struct pci_dev *dev) { }

static inline int pci_lu_may_probe(struct pci_dev *dev,
				   const struct pci_driver *drv)
{
	return 0;
}

static inline void pci_lu_driver_gone(struct pci_dev *dev) { }

static inline const void *pci_lu_incoming_device(const struct pci_dev *dev)
{
	return NULL;
}

static inline bool pci_lu_pinned(const struct pci_dev *dev)
{
	return false;
}

static inline bool pci_lu_frozen_device(const struct pci_dev *dev)
{
	return false;
}

static inline bool pci_lu_adopt_bar(struct pci_dev *dev, struct resource *res,
				    unsigned int pos)
{
	return false;
}

static inline bool pci_lu_adopt_windows(struct pci_dev *bridge)
{
	return false;
}

static inline bool pci_lu_adopt_settings(struct pci_dev *dev)
{
	return false;
}

static inline void pci_lu_adopt_power(struct pci_dev *dev) { }

static inline bool pci_lu_adopt_acs(struct pci_dev *dev)
{
	return false;
}

static inline bool pci_lu_adopt_ari(struct pci_dev *dev)
{
	return false;
}

static inline int pci_lu_adopt_intx(struct pci_dev *dev, u16 command)
{
	return 0;
}

static inline void pci_lu_claim_bus(struct pci_bus *bus) { }
static inline void pci_lu_claim_device(struct pci_dev *dev) { }
static inline void pci_lu_fixups_begin(enum pci_fixup_pass pass) { }
static inline void pci_lu_fixups_end(enum pci_fixup_pass pass) { }

static inline bool pci_lu_drop_write(const struct pci_dev *dev, int where, u32 value)
{
	return false;
}

static inline bool pci_lu_refuse(struct pci_dev *dev, const char *what)
{
	return false;
}

static inline bool pci_lu_refuse_preserved(struct pci_dev *dev, const char *what)
{
	return false;
}

static inline bool pci_lu_refuse_bus(struct pci_bus *bus, const char *what)
{
	return false;
}

static inline bool pci_lu_refuse_slot(struct pci_bus *bus, int device)
{
	return false;
}

static inline bool pci_lu_refuse_rescan(struct pci_bus *bus)
{
	return false;
}

static inline bool pci_lu_refuse_resize(struct pci_dev *dev)
{
	return false;
}

static inline bool
pci_lu_defer_recovery(struct pci_dev *port, struct pci_dev *dev,
		      pci_channel_state_t state,
		      pci_ers_result_t (*reset)(struct pci_dev *dev))
{
	return false;
}

static inline bool pci_lu_defer_hotplug(struct pci_dev *port, u32 events)
{
	return false;
}

#endif /* CONFIG_PCI_LIVEUPDATE */

#endif /* DRIVERS_PCI_LIVEUPDATE_H */
