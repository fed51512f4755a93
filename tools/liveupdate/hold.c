// SPDX-License-Identifier: GPL-2.0-only
/*
 * luctl: hold: run a program with descriptors that survive a live update.
 *
 * A descriptor is known by its number, which is its token in the session as well. In the
 * next kernel, luctl hold with the same name gives the program the same descriptors with
 * the same contents.
 *
 * Life cycle: the session of the previous kernel, if there is one, is looked at first:
 * once it is retrieved, there is no way back, as it is finished when it is closed. So
 * whatever can go wrong is found before. Then its descriptors are put at their numbers,
 * it is finished, the session for the next kernel is made, and the program started. From
 * the retrieval on, nothing that could be gone on without ends the program: what came
 * back must not be lost for what is next.
 *
 * This process keeps the session. It begins with an @, so that systemd leaves it alone at
 * the end of a shutdown, and passes on what signals it gets. The session has to last until
 * the jump. So it stays when the program has ended after a SIGTERM, which is how a shutdown
 * begins, or at the end of systemd's, which ends the program, but does not tell us.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "luctl.h"

#define MAX_HELD	1024
#define RETRIES		50
/* As env(1) and others have it. */
#define CANNOT_RUN	((enum status)126)
#define NOT_FOUND	((enum status)127)

struct held {
	int fd;
	bool make;		/* a memfd, to be made if it does not come back */
	bool back;		/* it comes back */
	uint64_t size;
};

/* What cannot be done is an error as long as nothing is lost by it. */
#define refuse(_status, ...)						\
do {									\
	if (came_back)							\
		warn(__VA_ARGS__);					\
	else								\
		die(_status, __VA_ARGS__);				\
} while (0)

static struct held held[MAX_HELD];
static size_t nr_held;
static pid_t child;
static volatile sig_atomic_t told_to_end, let_go;
static bool came_back;

static void add(const char *arg, bool make)
{
	struct held *one = &held[nr_held];
	char *end;
	long fd = strtol(arg, &end, 10);

	if (nr_held == MAX_HELD)
		die(ST_USAGE, "hold: more than %d descriptors; hold fewer", MAX_HELD);
	one->fd = fd;
	one->make = make;
	if (make && *end == ':') {
		one->size = strtoull(end + 1, &end, 10);
		if (*end == 'K' || *end == 'M' || *end == 'G')
			one->size <<= *end == 'K' ? 10 : *end == 'M' ? 20 : 30, end++;
	}
	if (*end || end == arg || fd < 0 || fd > 1 << 20 || (make && !one->size))
		die(ST_USAGE,
		    "hold: %s: is no descriptor; give its number, for --memfd as N:SIZE",
		    shown(arg));
	for (size_t i = 0; i < nr_held; i++)
		if (held[i].fd == one->fd)
			die(ST_USAGE, "hold: descriptor %d is given twice; give it once", one->fd);
	nr_held++;
}

/* A descriptor that is in nobody's way. */
static int move_away(int fd)
{
	int highest = 3, moved;

	for (size_t i = 0; i < nr_held; i++)
		if (held[i].fd >= highest)
			highest = held[i].fd + 1;
	if (fd >= highest)
		return fd;
	moved = fcntl(fd, F_DUPFD_CLOEXEC, highest);
	if (moved < 0)
		die(ST_FAILED, "hold: no descriptor is left: %m; raise the limit with ulimit -n");
	close(fd);
	return moved;
}

/* At its number, to be inherited. */
static void put(int fd, int at)
{
	if (dup2(fd, at) < 0)
		die(ST_FAILED,
		    "hold: there cannot be a descriptor %d: %m; raise the limit with ulimit -n",
		    at);
	if (fd != at)
		close(fd);
}

static struct held *find_held(uint64_t token)
{
	for (size_t i = 0; i < nr_held; i++)
		if ((uint64_t)held[i].fd == token)
			return &held[i];
	return NULL;
}

static void look_at_file(const char *name, const struct file *file)
{
	struct held *one = find_held(file->token);

	if (!one)
		die(ST_USAGE,
		    "hold: session %s of the previous kernel has descriptor %ju, which would be dropped; ask for it, too",
		    shown(name), (uintmax_t)file->token);
	if (file->flags & LIVEUPDATE_FILE_INFO_NO_HANDLER)
		die(ST_FAILED,
		    "hold: nothing in this kernel can restore descriptor %d (%s), yet; load its module, and try again",
		    one->fd, shown(file->format));
	if (file->status)
		die(ST_FAILED,
		    "hold: descriptor %d of session %s is lost: %s; see what the kernel's log says of \"luo:\", and discard the session",
		    one->fd, shown(name), strerror(-file->status));
	one->back = true;
}

enum look { NOTHING, FOUND, BLIND };

/* Before anything is done: what is there to take back? */
static enum look look(int dev, const char *name)
{
	const struct session *session = NULL;
	struct sessions sessions;
	struct files files;

	/* A mainline kernel: it is asked for each of them. */
	if (!device_sessions(dev, LIVEUPDATE_INCOMING, &sessions))
		return BLIND;
	for (size_t i = 0; i < sessions.nr; i++)
		if (!strcmp(sessions.list[i].name, name))
			session = &sessions.list[i];
	if (!session || (session->flags & LIVEUPDATE_SESSION_INFO_FINISHED))
		return NOTHING;
	if (session->flags & LIVEUPDATE_SESSION_INFO_RETRIEVED)
		die(ST_BUSY,
		    "hold: session %s is retrieved by somebody else; end that process, or give another --name",
		    shown(name));
	if (!device_files(dev, LIVEUPDATE_INCOMING, name, &files))
		return BLIND;
	for (size_t i = 0; i < files.nr; i++)
		look_at_file(name, &files.list[i]);
	for (size_t i = 0; i < nr_held; i++)
		if (!held[i].make && !held[i].back)
			die(ST_NONE,
			    "hold: session %s of the previous kernel has no descriptor %d; do not ask for it, or discard the session",
			    shown(name), held[i].fd);
	return FOUND;
}

/* An error that passes is waited for. */
static int retrieve(int session, int fd)
{
	struct liveupdate_session_retrieve_fd take = { .size = sizeof(take), .token = fd };
	struct timespec pause = { .tv_nsec = 100000000 };

	for (int i = 0;; i++) {
		if (!ioctl(session, LIVEUPDATE_SESSION_RETRIEVE_FD, &take))
			return take.fd;
		if (i == RETRIES || (errno != ENOMEM && errno != EINTR && errno != EAGAIN))
			return -errno;
		nanosleep(&pause, NULL);
	}
}

static void take_back(int dev, const char *name)
{
	struct liveupdate_session_finish finish = { .size = sizeof(finish) };
	int session = device_retrieve(dev, name);

	if (session == -ENOENT)
		return;
	if (session < 0)
		die(ST_FAILED,
		    "hold: session %s of the previous kernel cannot be had: %s; see what the kernel's log says of \"luo:\"",
		    shown(name), strerror(-session));
	session = move_away(session);
	for (size_t i = 0; i < nr_held; i++) {
		int fd = retrieve(session, held[i].fd);

		held[i].back = fd >= 0;
		if (fd == -ENOENT && held[i].make)
			continue;
		if (fd < 0)
			die(ST_FAILED,
			    "hold: descriptor %d of session %s did not come back: %s; the session is lost, see what the kernel's log says of \"luo:\"",
			    held[i].fd, shown(name), strerror(-fd));
		put(move_away(fd), held[i].fd);
		came_back = true;
	}
	if (ioctl(session, LIVEUPDATE_SESSION_FINISH, &finish))
		refuse(ST_BUSY, "hold: session %s cannot be finished yet: %m; try again",
		       shown(name));
	close(session);
}

/* Those that do not come back. */
static void make_memfds(const char *name)
{
	for (size_t i = 0; i < nr_held; i++) {
		int fd;

		if (held[i].back)
			continue;
		if (!held[i].make) {
			if (fcntl(held[i].fd, F_GETFD) < 0)
				die(ST_USAGE,
				    "hold: descriptor %d is not open; open it, or use --memfd %d:SIZE",
				    held[i].fd, held[i].fd);
			fcntl(held[i].fd, F_SETFD, 0);
			continue;
		}
		fd = memfd_create(name, MFD_CLOEXEC);
		if (fd < 0 || ftruncate(fd, held[i].size))
			die(ST_FAILED,
			    "hold: a memfd of %ju bytes cannot be made: %m; free some memory",
			    (uintmax_t)held[i].size);
		put(move_away(fd), held[i].fd);
	}
}

static int make_session(int dev, const char *name)
{
	int session = device_create(dev, name);

	if (session == -EEXIST)
		refuse(ST_BUSY,
		       "there is a session %s for the next kernel already; give another name with --name",
		       shown(name));
	else if (session == -EPROTONOSUPPORT)
		refuse(ST_LOST,
		       "hold: the kernel that is loaded would lose session %s; load another one, or none with luctl load --unload",
		       shown(name));
	else if (session < 0)
		refuse(ST_FAILED, "session %s cannot be made: %s; see luctl list for what there is",
		       shown(name), strerror(-session));
	return session < 0 ? session : move_away(session);
}

static void preserve(int session)
{
	for (size_t i = 0; i < nr_held; i++) {
		struct liveupdate_session_preserve_fd preserve = {
			.size = sizeof(preserve), .fd = held[i].fd, .token = held[i].fd,
		};

		if (!ioctl(session, LIVEUPDATE_SESSION_PRESERVE_FD, &preserve))
			continue;
		if (errno == ENOENT)
			refuse(ST_FAILED,
			       "hold: descriptor %d is of a kind that cannot be preserved; hold memfds",
			       held[i].fd);
		else if (errno == EBUSY)
			refuse(ST_BUSY,
			       "hold: what is behind descriptor %d is preserved already; luctl list shows where",
			       held[i].fd);
		else if (errno == EPROTONOSUPPORT)
			refuse(ST_LOST,
			       "hold: the kernel that is loaded would lose descriptor %d; load another one, or none with luctl load --unload",
			       held[i].fd);
		else
			refuse(ST_FAILED,
			       "hold: descriptor %d cannot be preserved: %m; see what the kernel's log says of \"luo:\"",
			       held[i].fd);
	}
}

static void on_signal(int sig)
{
	if (sig == SIGTERM)
		told_to_end = 1;
	if (sig == SIGINT)
		let_go = 1;
	if (child > 0)
		kill(child, sig);
}

static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 };

static void catch_signals(void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler };

	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		sigaction(signals[i], &action, NULL);
}

/* PID 1 is systemd's last program: it ends all processes but those that begin with an @. */
static bool shutting_down(void)
{
	char *name = host_read("/proc/1/comm");

	/* Cut off at 15 bytes. */
	return name && !strcmp(name, "systemd-shutdow\n");
}

/* The program has ended, the session is to stay; until the jump, or ^C. */
static void stay(bool keep)
{
	sigset_t blocked, before;

	sigemptyset(&blocked);
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		sigaddset(&blocked, signals[i]);
	sigprocmask(SIG_BLOCK, &blocked, &before);
	while ((told_to_end || keep) && !let_go)
		sigsuspend(&before);
}

static void set_environment(const char *name)
{
	char *fds = text("%s", "");
	bool all = nr_held;

	for (size_t i = 0; i < nr_held; i++) {
		fds = text("%s%s%d", fds, *fds ? " " : "", held[i].fd);
		all &= held[i].back;
	}
	setenv("LUCTL_SESSION", name, 1);
	setenv("LUCTL_FDS", fds, 1);
	setenv("LUCTL_RESTORED", all ? "1" : "0", 1);
}

static void start(char **command)
{
	fflush(NULL);
	child = fork();
	if (child < 0)
		die(ST_FAILED, "hold: there can be no further process: %m; see ulimit -u");
	if (child)
		return;
	catch_signals(SIG_DFL);
	execvp(command[0], command);
	die(CANNOT_RUN, "hold: %s cannot be executed: %m; see what it needs", shown(command[0]));
}

/* A program that is not there is better found before anything is retrieved. */
static void must_be_there(const char *program)
{
	char *path = text("%s", getenv("PATH") ?: "/bin:/usr/bin"), *folder, *save;

	if (strchr(program, '/') && !access(program, X_OK))
		return;
	for (folder = strtok_r(path, ":", &save); folder && !strchr(program, '/');
	     folder = strtok_r(NULL, ":", &save))
		if (!access(text("%s/%s", folder, program), X_OK))
			return;
	die(errno == EACCES ? CANNOT_RUN : NOT_FOUND,
	    "hold: %s cannot be started: %m; give a program that can", shown(program));
}

static int wait_for_child(void)
{
	int status;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return ST_FAILED;
	child = 0;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int cmd_hold(int argc, char **argv)
{
	static const struct option options[] = {
		{ "name", required_argument, NULL, 'n' },
		{ "fd", required_argument, NULL, 'f' },
		{ "memfd", required_argument, NULL, 'm' },
		{ "keep", no_argument, NULL, 'k' },
		{ }
	};
	char *name = NULL, *program = argv[-1];
	int opt, dev, session, status;
	enum look found;
	bool keep = false;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		if (opt == 'n')
			name = optarg;
		else if (opt == 'f')
			add(optarg, false);
		else if (opt == 'm')
			add(optarg, true);
		else if (opt == 'k')
			keep = true;
		else
			return ST_USAGE;
	}
	if (optind == argc || !nr_held)
		return ST_USAGE;
	if (!name) {
		name = strrchr(argv[optind], '/');
		name = name ? name + 1 : argv[optind];
	}

	must_be_there(argv[optind]);
	dev = move_away(device_open(O_RDWR));
	found = look(dev, name);
	if (found != BLIND)
		make_memfds(name);
	if (found != NOTHING)
		take_back(dev, name);
	if (found == BLIND)
		make_memfds(name);
	session = make_session(dev, name);
	close(dev);
	if (session >= 0)
		preserve(session);

	set_environment(name);
	catch_signals(on_signal);
	/* For systemd; CMD has its own name. */
	program[0] = '@';
	start(argv + optind);
	status = wait_for_child();
	stay(keep || shutting_down());
	return status;
}
