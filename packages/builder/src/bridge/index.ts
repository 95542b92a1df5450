export { type JobsParts, makeJobs, solverJob, usageOf } from './make-jobs';
export { solvedOf } from './outcomes';
