export { connectTasks } from './client';
export type { TaskEvent, TaskEvents, Tasks } from './contract';
export { subscribeTaskEvents } from './events';
