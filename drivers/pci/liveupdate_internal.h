/* SPDX-License-Identifier: GPL-2.0-only */
/* What liveupdate_*.c share with each other and with nobody else; see liveupdate.h */
#ifndef DRIVERS_PCI_LIVEUPDATE_INTERNAL_H
#define DRIVERS_PCI_LIVEUPDATE_INTERNAL_H

#include <linux/kho_block.h>
#include <linux/pci.h>
#include <linux/types.h>
#include <linux/xarray.h>

#include "liveupdate.h"
#include "liveupdate_check.h"

/* liveupdate_out.c: outgoing side of the file-bound object */
int pci_lu_out_begin(u64 *data);
void pci_lu_out_end(void);
void pci_lu_out_release(struct pci_dev *dev);
int pci_lu_out_freeze(void);
void pci_lu_out_unfreeze(void);

/* liveupdate_refuse.c */
int pci_lu_refuse_device(struct pci_dev *dev);
int pci_lu_refuse_retrieve(struct pci_dev *dev);
int pci_lu_refuse_bridge(struct pci_dev *bridge, struct pci_dev *dev);

/* liveupdate_record.c */
void pci_lu_record_id(struct pci_dev *dev, struct pci_state_id_ser *id);
void pci_lu_read_bar(struct pci_dev *dev, int i, struct pci_state_bar_ser *bar);
void pci_lu_read_windows(struct pci_dev *dev, struct pci_state_bridge_ser *rec);
void pci_lu_record_bars(struct pci_dev *dev, struct pci_state_bar_ser *bars,
			int nr, int rom_reg);
void pci_lu_record_express(struct pci_dev *dev, struct pci_state_express_ser *ex);
void pci_lu_record_device(const struct pci_lu_out *out,
			  struct pci_state_device_ser *rec);
void pci_lu_record_bridge(const struct pci_lu_out *out,
			  struct pci_state_bridge_ser *rec);

/* liveupdate_table.c: records by key */
void pci_lu_table_read(struct xarray *table,
		       const struct pci_state_head_ser *head);
const char *pci_lu_table_add_device(struct xarray *table,
				    const struct pci_state_device_ser *rec,
				    u32 size, void **chunks, u64 nr_chunks);
const char *pci_lu_table_add_bridge(struct xarray *table,
				    const struct pci_state_bridge_ser *rec,
				    u32 size);
void pci_lu_table_link(struct xarray *table);
void pci_lu_in_put(struct pci_lu_in *in);

#define PCI_LU_NAME_SIZE	24

const char *pci_lu_key_name(u64 key, char *name);

/* liveupdate_in.c: all under pci_lu_lock */
void pci_lu_in_begin(void);
int pci_lu_in_take(u64 data);
struct pci_lu_in *pci_lu_in_find(u64 key);
struct pci_lu_in *pci_lu_in_any_device(void);
struct pci_dev *pci_lu_in_dev_get(struct pci_lu_in *in);
void pci_lu_in_leave(struct pci_lu_in *in, enum pci_lu_state state);
void pci_lu_in_drop(struct pci_lu_in *in);

/* liveupdate_life.c, not under pci_lu_lock */
void pci_lu_abandon_rest(void);
int pci_lu_abandon(struct pci_dev *dev);
void pci_lu_in_driver_gone(struct pci_dev *dev);
bool pci_lu_driver_accepts(const struct pci_driver *drv, const char *format);

#endif /* DRIVERS_PCI_LIVEUPDATE_INTERNAL_H */
