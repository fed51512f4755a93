// SPDX-License-Identifier: GPL-2.0-only
/*
 * LUO: the command line of the next kernel: would that kernel lose by it what it is
 * given?
 *
 * No state. Each finding goes to a callback. Parameters are found as the kernel finds
 * them: in quotes or not, "-" for "_", the last one counts, and what follows "--" is
 * not for the kernel. What a bootconfig adds comes too late for all of them but
 * intel_iommu and amd_iommu, and is not seen here: a device that is translated for it
 * is refused by the next kernel. Process context, may sleep; fails for lack of memory
 * only.
 */
#include <linux/array_size.h>
#include <linux/cleanup.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/kstrtox.h>
#include <linux/limits.h>
#include <linux/moduleparam.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "luo_gate.h"

/*
 * With them, PCI devices are not reached as they were. What would only have them moved,
 * such as assign-busses or realloc, does not move those that are preserved.
 */
static const char * const luo_pci_words[] = {
	"off", "conf1", "conf2", "nommconf", "noacpi",
};

/* Both kernels have to translate DMA in the same way. */
static const char * const luo_iommu_params[] = {
	"iommu", "intel_iommu", "amd_iommu", "iommu.passthrough",
};

/**
 * struct luo_cmdline - a command line being judged
 * @text: all of it
 * @env: what by
 * @kho: is it on, as far as it was read
 * @liveupdate: the same
 */
struct luo_cmdline {
	const char *text;
	const struct luo_cmdline_env *env;
	bool kho;
	bool liveupdate;
};

typedef int (*luo_param_fn)(void *arg, const char *param, char *val);

/* Call @fn for each parameter of @text; stops when it does not return 0. */
static int luo_cmdline_walk(const char *text, luo_param_fn fn, void *arg)
{
	char *copy __free(kfree) = kstrdup(text, GFP_KERNEL);
	char *param, *val, *args;
	int ret = 0;

	if (!copy)
		return -ENOMEM;
	for (args = skip_spaces(copy); *args && !ret;) {
		args = next_arg(args, &param, &val);
		if (!val && !strcmp(param, "--"))
			break;
		ret = fn(arg, param, val);
	}
	return ret;
}

/**
 * struct luo_wanted - a parameter that is looked for
 * @param: its name
 * @val: one of its values, "" for none
 * @delim: what is between values
 */
struct luo_wanted {
	const char *param;
	const char *val;
	const char *delim;
};

static int luo_cmdline_match(void *arg, const char *param, char *val)
{
	const struct luo_wanted *wanted = arg;
	const char *other;

	if (!parameq(param, wanted->param))
		return 0;
	if (!val)
		return !*wanted->val;
	while ((other = strsep(&val, wanted->delim)))
		if (!strcmp(other, wanted->val))
			return 1;
	return 0;
}

/* Is there a parameter of just this value? Without memory, it is not known of any. */
static bool luo_cmdline_has(const char *text, const char *param, const char *val)
{
	struct luo_wanted wanted = { param, val ?: "", "" };

	return luo_cmdline_walk(text, luo_cmdline_match, &wanted) > 0;
}

/* Is @word in a list that is a value of @param? */
static bool luo_cmdline_lists(const char *text, const char *param, const char *word)
{
	struct luo_wanted wanted = { param, word, "," };

	return luo_cmdline_walk(text, luo_cmdline_match, &wanted) > 0;
}

static void luo_cmdline_found(struct luo_cmdline *line, const char *param,
			      const char *val, const char *why, bool loses)
{
	const struct luo_cmdline_env *env = line->env;
	char what[64];

	snprintf(what, sizeof(what), "%s%s%s", param, val ? "=" : "", val ?: "");
	env->found(env->arg, what, why, loses);
}

/* The range that a parameter takes away from memory; false if it takes nothing. */
static bool luo_memory_range(const char *val, u64 *start, u64 *end)
{
	char *p;
	u64 size;

	if (str_has_prefix(val, "exactmap")) {
		*start = 0;
		*end = U64_MAX;
		return true;
	}
	size = memparse(val, &p);
	if (p == val || !size || *p == '@')
		return false;
	*start = size;
	*end = U64_MAX;
	if (*p && strchr("#$!%", *p)) {
		*start = memparse(p + 1, &p);
		if (check_add_overflow(*start, size, end))
			*end = U64_MAX;
	}
	return *start < *end;
}

/* What this kernel has had on its own command line takes nothing more away. */
static void luo_cmdline_memory(struct luo_cmdline *line, const char *param,
			       char *val)
{
	const struct luo_cmdline_env *env = line->env;
	const char *part, *why;
	u64 start, end;

	if (!val || luo_cmdline_has(env->own, param, val))
		return;
	while ((part = strsep(&val, ","))) {
		if (!luo_memory_range(part, &start, &end) ||
		    !env->in_use(start, end))
			continue;
		why = "it takes memory away that the handover needs";
		luo_cmdline_found(line, param, part, why, true);
	}
}

static void luo_cmdline_loses_pci(struct luo_cmdline *line, const char *param,
				  const char *val)
{
	const char *why = "PCI devices that are preserved would be lost";

	luo_cmdline_found(line, param, val, why, true);
}

static void luo_cmdline_pci(struct luo_cmdline *line, const char *param,
			    char *val)
{
	const char *word;

	if (!line->env->pci)
		return;
	while ((word = strsep(&val, ","))) {
		if (match_string(luo_pci_words, ARRAY_SIZE(luo_pci_words), word) < 0 ||
		    luo_cmdline_lists(line->env->own, param, word))
			continue;
		luo_cmdline_loses_pci(line, param, word);
	}
}

/* Without ACPI, host bridges and their configuration space are not found. */
static void luo_cmdline_acpi(struct luo_cmdline *line, const char *param,
			     const char *val)
{
	if (line->env->pci && !strcmp(val, "off") &&
	    !luo_cmdline_has(line->env->own, param, val))
		luo_cmdline_loses_pci(line, param, val);
}

static bool luo_is_iommu(const char *param)
{
	for (int i = 0; i < ARRAY_SIZE(luo_iommu_params); i++)
		if (parameq(param, luo_iommu_params[i]))
			return true;
	return false;
}

static void luo_cmdline_iommu(struct luo_cmdline *line, const char *param,
			      const char *val, const char *other)
{
	const char *why;

	if (!line->env->pci || !luo_is_iommu(param) ||
	    luo_cmdline_has(other, param, val))
		return;
	why = "DMA of PCI devices that are preserved would be translated differently";
	luo_cmdline_found(line, param, val, why, true);
}

/* As the kernel does, ignore what is none. */
static void luo_cmdline_bool(const char *val, bool *on)
{
	bool value;

	if (!kstrtobool(val, &value))
		*on = value;
}

static int luo_cmdline_param(void *arg, const char *param, char *val)
{
	struct luo_cmdline *line = arg;

	if (parameq(param, "kho"))
		luo_cmdline_bool(val, &line->kho);
	else if (parameq(param, "liveupdate"))
		luo_cmdline_bool(val, &line->liveupdate);
	else if (parameq(param, "mem") || parameq(param, "memmap"))
		luo_cmdline_memory(line, param, val);
	else if (parameq(param, "pci") && val)
		luo_cmdline_pci(line, param, val);
	else if (parameq(param, "acpi") && val)
		luo_cmdline_acpi(line, param, val);
	else
		luo_cmdline_iommu(line, param, val, line->env->own);
	return 0;
}

/* What this kernel has, and the next one lacks. */
static int luo_cmdline_own_param(void *arg, const char *param, char *val)
{
	struct luo_cmdline *line = arg;

	luo_cmdline_iommu(line, param, val, line->text);
	return 0;
}

static void luo_cmdline_switches(struct luo_cmdline *line)
{
	const char *why;

	if (!line->kho) {
		why = "kexec handover would be off, and everything lost";
		luo_cmdline_found(line, "kho=on is missing", NULL, why,
				  !line->env->unsure);
	}
	if (!line->liveupdate) {
		why = "live update would be off, and no session could be retrieved";
		luo_cmdline_found(line, "liveupdate=on is missing", NULL, why,
				  !line->env->unsure);
	}
}

int luo_cmdline_check(const char *cmdline, const struct luo_cmdline_env *env)
{
	struct luo_cmdline line = {
		.text = cmdline,
		.env = env,
		.kho = env->kho,
		.liveupdate = env->liveupdate,
	};
	int err;

	err = luo_cmdline_walk(cmdline, luo_cmdline_param, &line);
	if (!err)
		err = luo_cmdline_walk(env->own, luo_cmdline_own_param, &line);
	if (!err)
		luo_cmdline_switches(&line);
	return err;
}
