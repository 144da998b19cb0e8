/*
 * The stage between the server and what it starts: `sandbox-agent launch KEY=VALUE... -- PROGRAM
 * ARGS...`. It runs with the server's credentials, takes on those of the sandbox, and
 * executes the program. Keys:
 *
 *   parent=PID    exit when the parent is another one by now
 *   cgroup=DIR    join that control group (may come several times)
 *   uid=N, gid=N  become that user, without supplementary groups
 *   nofile=N      soft and hard RLIMIT_NOFILE
 *
 * Core dumps are switched off and SIGKILL at the parent's death is armed, always. A step that
 * fails ends it with status 126 and a line on stderr: nothing is run with more rights than asked.
 */
#ifndef BACKEND_AGENT_LAUNCH_H
#define BACKEND_AGENT_LAUNCH_H

/* argv[0] is the first argument behind "launch". Returns the exit status of a failure only. */
int launch_main(int argc, char **argv);

#endif
