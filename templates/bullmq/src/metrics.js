// The state of the queue for Prometheus: jobs by state, and jobs that this process has ended.
const STATES = ["waiting", "active", "delayed", "failed"];

export function counters(worker) {
  const ended = { completed: 0, failed: 0 };
  worker.on("completed", () => ended.completed++);
  worker.on("failed", () => ended.failed++);
  return ended;
}

export async function metrics(queue, ended) {
  const counts = await queue.getJobCounts(...STATES);
  const label = `queue=${JSON.stringify(queue.name)}`;
  return [
    "# HELP bullmq_jobs Jobs of the queue by state.",
    "# TYPE bullmq_jobs gauge",
    ...STATES.map((state) => `bullmq_jobs{${label},state="${state}"} ${counts[state] ?? 0}`),
    "# HELP bullmq_jobs_ended_total Jobs that this worker has ended, by result.",
    "# TYPE bullmq_jobs_ended_total counter",
    ...Object.entries(ended).map(([result, number]) => `bullmq_jobs_ended_total{${label},result="${result}"} ${number}`),
    "",
  ].join("\n");
}
