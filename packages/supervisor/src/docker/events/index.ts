export { followBuilder } from './builder-events';
export { type DockerEvent, DockerEvents, type EventQuery, type Subscription } from './docker-events';
export { type Filters, dockerEventFilter } from './docker-filter';
export { openEventJournal } from './event-journal';
export { DEFAULT_BOUNDS, type EventBounds, type EventJournal, type EventUsage, type PlacedEvent } from './journal-contract';
export { tellJournal } from './journal-metrics';
