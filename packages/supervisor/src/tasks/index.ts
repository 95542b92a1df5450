export type { TaskEvent, TaskEvents, Tasks } from './contract';
