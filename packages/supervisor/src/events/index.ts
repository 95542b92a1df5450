export { EventBus } from './bus';
export { type NanoClock, nanoClock, parseSecondsNanos } from './clock';
export { type DockerEvent, DockerEvents, type EventQuery } from './docker-events';
export { type Filters, dockerEventFilter } from './docker-filter';
export { Envelopes, type Topic } from './envelopes';
