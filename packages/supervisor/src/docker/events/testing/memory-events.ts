import { silentLogger } from '@gantry/rpc';
import type { NanoClock } from '../../../core/events';
import { Database } from '../../../core/records';
import { DockerEvents } from '../docker-events';
import { openEventJournal } from '../event-journal';

/** Events whose journal lies in memory. */
export function memoryEvents(clock?: NanoClock): DockerEvents {
  return new DockerEvents(openEventJournal(new Database(':memory:'), silentLogger), silentLogger, clock);
}
