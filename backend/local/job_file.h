/*
 * What stays of a job whose id a client knows, in the sandbox's state directory:
 *
 *   jobs/<p_id>/meta.json  how it stands; written by rename when it is handed out and when it ends
 *              /out, /err  its streams (backend/spool.h); an empty one has no file
 *
 * Nothing is synced: it survives the end of the server, not of the machine.
 */
#ifndef BACKEND_LOCAL_JOB_FILE_H
#define BACKEND_LOCAL_JOB_FILE_H

#include "backend/local/job.h"

#define JOB_SCHEMA 1
#define JOB_META_MAX 65536

/* Any thread, no lock held: write what stays, from now on. A full disk is logged. */
void job_keep(struct job *j);

/* No lock held: the outcome, when the job is kept. */
void job_save(struct job *j);

/* "exited", "running", ... */
const char *job_status_name(enum exec_status status);
bool job_status_from_name(const char *name, enum exec_status *out);

/* With the last reference: what was not kept goes. */
void job_remove_files(struct job *j);

/* A sandbox was found again: its jobs come back, ended. Those that ran were interrupted. */
void jobs_load(struct local_sandbox *sb);

/*
 * A job of another unnamed sandbox of the same owner, for reading: servers of one user make a new
 * one each. One that another server still runs reads as running.
 */
int job_find_elsewhere(struct local_sandbox *sb, const char *id, struct job **out,
                       struct err *err) MUST_CHECK;

#endif
