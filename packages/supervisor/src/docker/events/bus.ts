import type { NanoClock } from '../../core/events/clock';
import { DockerEvents } from './docker-events';
import { Envelopes } from '../../core/events/envelopes';

/** Both event streams of the engine. Emitters of a docker container's life cycle use both: docker's word and containerd's. */
export class EventBus {
  readonly docker: DockerEvents;
  readonly envelopes = new Envelopes();

  constructor(clock?: NanoClock) {
    this.docker = new DockerEvents(clock);
  }
}
