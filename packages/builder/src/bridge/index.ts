export { type JobsParts, makeJobs, solverJob } from './make-jobs';
export { solvedOf } from './outcomes';
