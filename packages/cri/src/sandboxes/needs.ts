import type { Logger } from '@gantry/rpc';
import type { CriConfig } from '../config';
import type { KnownContainers } from '../containers/known';
import type { EventHub } from '../events/hub';
import type { Members } from '../members';
import type { Names } from '../names';
import type { Services } from '../services';
import type { Roots } from './files';

/** What pods and containers stand on. */
export interface Needs {
  readonly services: Services;
  readonly config: CriConfig;
  readonly roots: Roots;
  readonly names: Names;
  readonly members: Members;
  readonly known: KnownContainers;
  readonly events: EventHub;
  readonly logger: Logger;
}
