export { followBuilder } from './builder-events';
export { type DockerEvent, DockerEvents, type EventQuery } from './docker-events';
export { type Filters, dockerEventFilter } from './docker-filter';
