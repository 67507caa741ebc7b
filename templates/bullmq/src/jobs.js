// The handlers of jobs, by name. A job can run more than once, so handlers must be idempotent.
export const jobs = {
  async greet({ name }) {
    return `Hello, ${name}`;
  },
};

export async function work(job) {
  const run = Object.hasOwn(jobs, job.name) ? jobs[job.name] : undefined;
  if (!run) throw new Error(`no job is called ${job.name}`);
  return run(job.data);
}
