/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The ioctl interface of live update: /dev/liveupdate and its sessions.
 *
 * A session is a named set of file descriptors that survive a kexec. The old
 * kernel's side of it: create a session, preserve descriptors in it, keep its
 * descriptor open, reboot(LINUX_REBOOT_CMD_KEXEC). The new kernel's side:
 * retrieve the session by its name, retrieve the descriptors by their tokens,
 * finish. See Documentation/userspace-api/liveupdate.rst.
 */
#ifndef _UAPI_LINUX_LIVEUPDATE_H
#define _UAPI_LINUX_LIVEUPDATE_H

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * DOC: General ioctl format
 *
 * The argument of each ioctl is a pointer to a structure that begins with its
 * size, filled in by the caller with the size of the structure it was compiled
 * with. A structure may grow at its end. To a kernel that knows less of it, it
 * is acceptable as long as what that kernel does not know is zero; to a kernel
 * that knows more of it, what is missing is zero. Zero always means the
 * behaviour from before the field came. The kernel writes back as much of the
 * structure as both sides know.
 *
 * Errors that mean the same everywhere:
 *
 *  - ENOTTY: the command word is not an ioctl of this descriptor
 *  - EINVAL: the command number is unknown, the command does not fit the
 *    direction of the session, the structure is too short, or a field has a
 *    value that is not allowed
 *  - E2BIG: there is something but zero in the part that the kernel does not
 *    know
 *  - EOPNOTSUPP: the value of a field is allowed, but not supported
 *  - EFAULT: the structure cannot be read or written
 *  - ENOENT: there is no such session or token
 *  - ENOMEM, EOVERFLOW
 *
 * Ioctls whose numbers are below 0x20 (device) and 0x60 (session) are those of
 * the mainline kernel. The others are extensions; ask for them by calling them.
 */

#define LIVEUPDATE_IOCTL_TYPE		0xBA

/* Length of the name of a session, the terminating NUL included. */
#define LIVEUPDATE_SESSION_NAME_LENGTH	64

/* Ioctls of /dev/liveupdate. */
enum {
	LIVEUPDATE_CMD_BASE = 0x00,
	LIVEUPDATE_CMD_CREATE_SESSION = LIVEUPDATE_CMD_BASE,
	LIVEUPDATE_CMD_RETRIEVE_SESSION = 0x01,

	LIVEUPDATE_CMD_EXT_BASE = 0x20,
	LIVEUPDATE_CMD_LIST_SESSIONS = LIVEUPDATE_CMD_EXT_BASE,
	LIVEUPDATE_CMD_LIST_FILES = 0x21,
	LIVEUPDATE_CMD_DISCARD_SESSION = 0x22,
};

/* Ioctls of a session. */
enum {
	LIVEUPDATE_CMD_SESSION_BASE = 0x40,
	LIVEUPDATE_CMD_SESSION_PRESERVE_FD = LIVEUPDATE_CMD_SESSION_BASE,
	LIVEUPDATE_CMD_SESSION_RETRIEVE_FD = 0x41,
	LIVEUPDATE_CMD_SESSION_FINISH = 0x42,
	LIVEUPDATE_CMD_SESSION_GET_NAME = 0x43,

	LIVEUPDATE_CMD_SESSION_EXT_BASE = 0x60,
	LIVEUPDATE_CMD_SESSION_LIST_FILES = LIVEUPDATE_CMD_SESSION_EXT_BASE,
	LIVEUPDATE_CMD_SESSION_UNPRESERVE_FD = 0x61,
};

/**
 * struct liveupdate_ioctl_create_session - ioctl(LIVEUPDATE_IOCTL_CREATE_SESSION)
 * @size: sizeof(struct liveupdate_ioctl_create_session)
 * @fd: output: descriptor of the new session, close-on-exec
 * @name: input: name of the session, 1 to 63 bytes and a NUL
 *
 * Make a session. It goes over to the next kernel if any descriptor of it is
 * open at the time of the reboot. When the last one is closed before, everything
 * in the session is unpreserved, and the session and its name are gone.
 *
 * Return: 0, or -1 with errno EMFILE (no descriptor left), EINVAL (the name is
 * empty or not terminated), EPROTONOSUPPORT (a kernel is loaded by kexec that takes over
 * no sessions, or would lose them by its command line: the log says what that lacks, or
 * the parameter; load another one, or none, and try again), EEXIST (there is a session of
 * that name that is going to the next kernel), ENOSPC (too many sessions), ENOMEM, ENFILE.
 */
struct liveupdate_ioctl_create_session {
	__u32 size;
	__s32 fd;
	__u8 name[LIVEUPDATE_SESSION_NAME_LENGTH];
};

#define LIVEUPDATE_IOCTL_CREATE_SESSION					\
	_IO(LIVEUPDATE_IOCTL_TYPE, LIVEUPDATE_CMD_CREATE_SESSION)

/**
 * struct liveupdate_ioctl_retrieve_session - ioctl(LIVEUPDATE_IOCTL_RETRIEVE_SESSION)
 * @size: sizeof(struct liveupdate_ioctl_retrieve_session)
 * @fd: output: descriptor of the session, close-on-exec
 * @name: input: name that the session was created with
 *
 * Take over a session from the previous kernel. When its last descriptor is
 * closed, it is finished.
 *
 * Return: 0, or -1 with errno EMFILE, ENOENT (the previous kernel left no session
 * of that name, or it is finished), EINVAL (the session is retrieved already),
 * ENOMEM, ENFILE. Also after EFAULT the session can still be retrieved.
 */
struct liveupdate_ioctl_retrieve_session {
	__u32 size;
	__s32 fd;
	__u8 name[LIVEUPDATE_SESSION_NAME_LENGTH];
};

#define LIVEUPDATE_IOCTL_RETRIEVE_SESSION				\
	_IO(LIVEUPDATE_IOCTL_TYPE, LIVEUPDATE_CMD_RETRIEVE_SESSION)

/**
 * struct liveupdate_session_preserve_fd - ioctl(LIVEUPDATE_SESSION_PRESERVE_FD)
 * @size: sizeof(struct liveupdate_session_preserve_fd)
 * @fd: input: the descriptor to preserve; may be closed afterwards
 * @token: input: any number, unique in this session
 *
 * Preserve what is behind a descriptor. For a created session.
 *
 * Return: 0, or -1 with errno EEXIST (the token is in use), EBADF, ENOENT (files of
 * this kind cannot be preserved), EBUSY (the object is preserved already, or its
 * session from the previous kernel is not finished), ENOSPC (too many files),
 * EPROTONOSUPPORT (a kernel is loaded by kexec that cannot take it over, or would lose
 * it by its command line: the log says what that lacks, or the parameter; load another
 * one, or none, and try again), ENOMEM, or an error that is specific to the kind of
 * file. The token stays free then. After EFAULT the file is preserved if the structure
 * could be read, but not written.
 */
struct liveupdate_session_preserve_fd {
	__u32 size;
	__s32 fd;
	__aligned_u64 token;
};

#define LIVEUPDATE_SESSION_PRESERVE_FD					\
	_IO(LIVEUPDATE_IOCTL_TYPE, LIVEUPDATE_CMD_SESSION_PRESERVE_FD)

/**
 * struct liveupdate_session_retrieve_fd - ioctl(LIVEUPDATE_SESSION_RETRIEVE_FD)
 * @size: sizeof(struct liveupdate_session_retrieve_fd)
 * @fd: output: a descriptor of the restored file, close-on-exec
 * @token: input: the token it was preserved with
 *
 * Get back what was preserved. For a retrieved session, in any order. Once it
 * succeeded, each further call gives another descriptor of the same open file.
 *
 * Return: 0, or -1 with errno EMFILE, ENOENT (no such token, or this kernel has
 * nothing, yet, that can restore files of this kind), or an error that is specific
 * to the kind of file; a permanent one comes again with each further call.
 */
struct liveupdate_session_retrieve_fd {
	__u32 size;
	__s32 fd;
	__aligned_u64 token;
};

#define LIVEUPDATE_SESSION_RETRIEVE_FD					\
	_IO(LIVEUPDATE_IOCTL_TYPE, LIVEUPDATE_CMD_SESSION_RETRIEVE_FD)

/**
 * struct liveupdate_session_finish - ioctl(LIVEUPDATE_SESSION_FINISH)
 * @size: sizeof(struct liveupdate_session_finish)
 * @reserved: must be zero
 *
 * Tell that all is retrieved that is wanted from a retrieved session. What was
 * not retrieved is dropped; what was retrieved is an ordinary file from now on. The
 * session is empty afterwards. Finishing it again succeeds.
 *
 * What this kernel has no handler for is dropped, too, but its memory stays
 * reserved until the next reboot.
 *
 * Return: 0, or -1 with errno EINVAL (reserved is not zero), EBUSY (a file cannot
 * be finished yet; nothing has changed). After EFAULT it is finished if the
 * structure could be read, but not written.
 */
struct liveupdate_session_finish {
	__u32 size;
	__u32 reserved;
};

#define LIVEUPDATE_SESSION_FINISH					\
	_IO(LIVEUPDATE_IOCTL_TYPE, LIVEUPDATE_CMD_SESSION_FINISH)

/**
 * struct liveupdate_session_get_name - ioctl(LIVEUPDATE_SESSION_GET_NAME)
 * @size: sizeof(struct liveupdate_session_get_name)
 * @reserved: must be zero
 * @name: output: name of the session, NUL-terminated and padded with NULs
 *
 * Return: 0, or -1 with errno EINVAL (reserved is not zero).
 */
struct liveupdate_session_get_name {
	__u32 size;
	__u32 reserved;
	__u8 name[LIVEUPDATE_SESSION_NAME_LENGTH];
};

#define LIVEUPDATE_SESSION_GET_NAME					\
	_IO(LIVEUPDATE_IOCTL_TYPE, LIVEUPDATE_CMD_SESSION_GET_NAME)

/*
 * Extensions.
 */

/* Which sessions: those made for the next kernel, or those of the previous one. */
#define LIVEUPDATE_OUTGOING	0
#define LIVEUPDATE_INCOMING	1

/* Length of the name of a file's data format, the terminating NUL included. */
#define LIVEUPDATE_FILE_FORMAT_LENGTH	48

/**
 * DOC: Lists
 *
 * A list ioctl fills an array of the caller with as many entries as fit and says
 * where to go on. Begin with a cookie of zero and hand back what comes out; the
 * list is complete when no entry comes any more. What exists during the whole
 * time is listed exactly once; what comes or goes meanwhile may be missing.
 *
 * The size of an entry is the caller's to tell, too. Of an entry the kernel
 * writes as much as both sides know, and zeroes what only the caller knows. An
 * entry that is larger than a page gives E2BIG.
 */

/* The session is from the previous kernel and has been retrieved. */
#define LIVEUPDATE_SESSION_INFO_RETRIEVED	(1U << 0)
/* The session is from the previous kernel and has been finished. */
#define LIVEUPDATE_SESSION_INFO_FINISHED	(1U << 1)
/* A part of what the previous kernel left for the session was not readable. */
#define LIVEUPDATE_SESSION_INFO_DAMAGED		(1U << 2)

/**
 * struct liveupdate_session_info - an entry of a list of sessions
 * @name: name of the session, NUL-terminated and padded with NULs
 * @files: number of files in it
 * @flags: LIVEUPDATE_SESSION_INFO_*
 * @reserved: zero
 */
struct liveupdate_session_info {
	__u8 name[LIVEUPDATE_SESSION_NAME_LENGTH];
	__aligned_u64 files;
	__u32 flags;
	__u32 reserved;
};

/* Nothing in this kernel, yet, can restore the file. */
#define LIVEUPDATE_FILE_INFO_NO_HANDLER		(1U << 0)
/* A descriptor of the file has been retrieved. */
#define LIVEUPDATE_FILE_INFO_RETRIEVED		(1U << 1)

/**
 * struct liveupdate_file_info - an entry of a list of files
 * @token: the token it was preserved with
 * @format: name of its data format, NUL-terminated and padded with NULs
 * @status: zero, or the negative error number with which its retrieval failed
 *	for good
 * @flags: LIVEUPDATE_FILE_INFO_*
 * @required: features of @format that its data has, and that the next kernel has to
 *	know; of a file that goes to the next kernel, else zero
 * @device_format: name of the data format of the state of the device that the file
 *	stands for, in the same way; empty if there is none, or the file came from
 *	the previous kernel
 */
struct liveupdate_file_info {
	__aligned_u64 token;
	__u8 format[LIVEUPDATE_FILE_FORMAT_LENGTH];
	__s32 status;
	__u32 flags;
	__aligned_u64 required;
	__u8 device_format[LIVEUPDATE_FILE_FORMAT_LENGTH];
};

/**
 * struct liveupdate_ioctl_list_sessions - ioctl(LIVEUPDATE_IOCTL_LIST_SESSIONS)
 * @size: sizeof(struct liveupdate_ioctl_list_sessions)
 * @direction: input: LIVEUPDATE_OUTGOING or LIVEUPDATE_INCOMING
 * @cookie: input: zero, or what the last call left here; output: where to go on
 * @entries: input: address of an array of &struct liveupdate_session_info
 * @entry_size: input: sizeof(struct liveupdate_session_info)
 * @count: input: number of entries in that array; output: number filled
 *
 * List sessions, oldest first.
 *
 * Return: 0, or -1 with errno EINVAL (unknown direction, or an entry is too
 * small), ENOMEM.
 */
struct liveupdate_ioctl_list_sessions {
	__u32 size;
	__u32 direction;
	__aligned_u64 cookie;
	__aligned_u64 entries;
	__u32 entry_size;
	__u32 count;
};

#define LIVEUPDATE_IOCTL_LIST_SESSIONS					\
	_IO(LIVEUPDATE_IOCTL_TYPE, LIVEUPDATE_CMD_LIST_SESSIONS)

/**
 * struct liveupdate_ioctl_list_files - ioctl(LIVEUPDATE_IOCTL_LIST_FILES)
 * @size: sizeof(struct liveupdate_ioctl_list_files)
 * @direction: input: LIVEUPDATE_OUTGOING or LIVEUPDATE_INCOMING
 * @cookie: input: zero, or what the last call left here; output: where to go on
 * @entries: input: address of an array of &struct liveupdate_file_info
 * @entry_size: input: sizeof(struct liveupdate_file_info)
 * @count: input: number of entries in that array; output: number filled
 * @name: input: name of the session
 *
 * List the files of any session, retrieved or not, in the order they were
 * preserved.
 *
 * Return: 0, or -1 with errno EINVAL (unknown direction, or an entry is too
 * small), ENOENT (no such session), ENOMEM.
 */
struct liveupdate_ioctl_list_files {
	__u32 size;
	__u32 direction;
	__aligned_u64 cookie;
	__aligned_u64 entries;
	__u32 entry_size;
	__u32 count;
	__u8 name[LIVEUPDATE_SESSION_NAME_LENGTH];
};

#define LIVEUPDATE_IOCTL_LIST_FILES					\
	_IO(LIVEUPDATE_IOCTL_TYPE, LIVEUPDATE_CMD_LIST_FILES)

/**
 * struct liveupdate_ioctl_discard_session - ioctl(LIVEUPDATE_IOCTL_DISCARD_SESSION)
 * @size: sizeof(struct liveupdate_ioctl_discard_session)
 * @reserved: must be zero
 * @name: input: name of the session
 *
 * Give up a session from the previous kernel that nobody has retrieved. All that
 * was preserved in it is lost, its memory returns to the system; except for files
 * that this kernel has no handler for, whose memory stays reserved until the next
 * reboot.
 *
 * Return: 0, or -1 with errno EINVAL (reserved is not zero, or the session is
 * retrieved), ENOENT (no such session), EBUSY (a file cannot be finished yet;
 * nothing has changed). After EFAULT it is discarded if the structure could be
 * read, but not written.
 */
struct liveupdate_ioctl_discard_session {
	__u32 size;
	__u32 reserved;
	__u8 name[LIVEUPDATE_SESSION_NAME_LENGTH];
};

#define LIVEUPDATE_IOCTL_DISCARD_SESSION				\
	_IO(LIVEUPDATE_IOCTL_TYPE, LIVEUPDATE_CMD_DISCARD_SESSION)

/**
 * struct liveupdate_session_list_files - ioctl(LIVEUPDATE_SESSION_LIST_FILES)
 * @size: sizeof(struct liveupdate_session_list_files)
 * @reserved: must be zero
 * @cookie: input: zero, or what the last call left here; output: where to go on
 * @entries: input: address of an array of &struct liveupdate_file_info
 * @entry_size: input: sizeof(struct liveupdate_file_info)
 * @count: input: number of entries in that array; output: number filled
 *
 * List the files of this session in the order they were preserved.
 *
 * Return: 0, or -1 with errno EINVAL (reserved is not zero, or an entry is too
 * small), ENOMEM.
 */
struct liveupdate_session_list_files {
	__u32 size;
	__u32 reserved;
	__aligned_u64 cookie;
	__aligned_u64 entries;
	__u32 entry_size;
	__u32 count;
};

#define LIVEUPDATE_SESSION_LIST_FILES					\
	_IO(LIVEUPDATE_IOCTL_TYPE, LIVEUPDATE_CMD_SESSION_LIST_FILES)

/**
 * struct liveupdate_session_unpreserve_fd - ioctl(LIVEUPDATE_SESSION_UNPRESERVE_FD)
 * @size: sizeof(struct liveupdate_session_unpreserve_fd)
 * @reserved: must be zero
 * @token: input: the token it was preserved with
 *
 * Drop one file from a created session. It is an ordinary file again, and its
 * token is free.
 *
 * Return: 0, or -1 with errno EINVAL (reserved is not zero), ENOENT (no such
 * token), EBUSY (another preserved file depends on it). After EFAULT it is dropped
 * if the structure could be read, but not written.
 */
struct liveupdate_session_unpreserve_fd {
	__u32 size;
	__u32 reserved;
	__aligned_u64 token;
};

#define LIVEUPDATE_SESSION_UNPRESERVE_FD				\
	_IO(LIVEUPDATE_IOCTL_TYPE, LIVEUPDATE_CMD_SESSION_UNPRESERVE_FD)

#endif /* _UAPI_LINUX_LIVEUPDATE_H */
