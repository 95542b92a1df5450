export { type NanoClock, nanoClock, parseSecondsNanos } from './clock';
export { Envelopes, type Topic } from './envelopes';
export { SubscriberQueue } from './queue';
