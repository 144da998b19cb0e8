/*
 * The agent: pid 1 of a local sandbox, static, includes nothing of the tree but backend/wire.h.
 *
 * pid 1 parses CONFIG once, then only reads which kind of operation an OPEN frame wants, forks
 * and closes: the child *is* the operation. Every child of pid 1 is a supervisor, the browser's
 * parent (nursery.h) or a stray (pid1.c). No memory is allocated that grows: tables and buffers are
 * static or on the stack.
 */
#ifndef BACKEND_AGENT_AGENT_H
#define BACKEND_AGENT_AGENT_H

#include "backend/wire.h"

#include <stddef.h>
#include <sys/types.h>

#define AGENT_ENV_BYTES 32768
#define AGENT_ENV_VARS 512 /* of a command, CONFIG's included */
#define AGENT_PATH 4096

/* Exit status of an operation to which the server has not spoken backend/wire.h: pid 1 ends the
 * sandbox. Nothing in a sandbox can make a supervisor exit. */
#define AGENT_VIOLATION 86

/* Numbers of enum err_code in base/err.h, as TAG_CODE carries them. */
enum {
    CODE_INVALID = 1,
    CODE_NOT_FOUND = 2,
    CODE_GONE = 3,
    CODE_DENIED = 4,
    CODE_QUOTA = 6,
    CODE_TIMEOUT = 8,
    CODE_BUSY = 9,
    CODE_UNSUPPORTED = 10,
    CODE_UNAVAILABLE = 11,
    CODE_CONFLICT = 12,
    CODE_TOO_LARGE = 13,
    CODE_ISOLATION = 14,
    CODE_INTERNAL = 17,
};

/* What CONFIG said; written once before anything is forked. */
struct agent_config {
    bool host;    /* --runtime host: no namespaces, no filter */
    bool browser; /* there will be one */
    char workspace[AGENT_PATH], home[AGENT_PATH];
    char env[AGENT_ENV_BYTES]; /* "NAME=value\0..." */
    size_t env_len;
    uint32_t egress_port, nproc, nofile;
};
extern struct agent_config agent_config;

/* The launch stage (launch.c): argv is ["sandbox-agent", "launch", ...]. Returns the exit status of
 * a failure only. */
int agent_launch(int argc, char **argv);

/* Protect replaced files again (rebind.c): argv is ["sandbox-agent", "rebind", PID, PATH...]. */
int agent_rebind(int argc, char **argv);

/* Serve the control socket until it closes; the exit status. */
int pid1_run(void);

/* The same in the browser's parent: no operation but WIRE_BROWSER. */
int pid1_run_nursery(void);

/* Read CONFIG, confine this process, answer READY. False: nothing may be run here. */
bool setup_run(void);

/* A CONFIG frame as it has to be: no tag that does not belong, all numbers and strings in their
 * bounds. TAG_FILTER is looked at by confine_filter(). */
bool config_parse(const struct wire_in *in, struct agent_config *out);

/* "NAME=value\0NAME=value\0", at most AGENT_ENV_VARS of them. */
bool config_env_valid(const uint8_t *block, size_t len);

/* The operations; each runs in a child of its own, with the descriptors of its OPEN frame behind
 * the channel. They return when they are over. extra: the descriptor that holds a long command
 * (TAG_COMMAND_FD), the last of its frame; -1 none. */
void exec_serve(int channel, const int *fds, int extra);
void runner_serve(int channel, const int *fds);
void session_serve(int channel, const int *fds, int extra);
void query_serve(int channel, int results);
void kill_serve(int channel);
void probe_serve(int channel);
void file_serve(int channel, int data_fd);
void search_serve(int channel, int results_fd);
void watch_serve(int channel, int inotify);
void observe_serve(int channel, int inotify);
void browser_serve(int channel, const int *fds);
void pty_serve(int channel);

/* In pid 1, once all are gone: remove what sessions that were killed have left in /tmp. */
void session_tidy_all(void);

/* Where a program of the sandbox is ("bash", "sh", "python3", "node", ...): an absolute path, or
 * NULL. program_name(i) lists the names; NULL behind the last. */
const char *program_path(const char *name);
const char *program_name(size_t i);

/* Confinement of pid 1, before it serves. */
bool confine_filter(const uint8_t *program, size_t len); /* struct sock_filter[] */
int confine_landlock(void);                              /* the ABI in force, 0 none */
bool confine_limits(uint32_t nproc, uint32_t nofile);

/* pid 1 and its children may have a few processes more than what they run: that takes this on,
 * in the child of a vfork. False: it could not. */
bool confine_payload(void);

/* Children made while it is above 0 go before us when memory runs out: commands first, and of a
 * browser, which asks for 200 and 300 itself, its pages. confine_oom_open() comes before the
 * process stops being dumpable, and once more in a fork that has such children. */
#define OOM_COMMAND 500
#define OOM_BROWSER 100
void confine_oom_open(void);
void confine_oom(int above);

#endif
