import { randomBytes } from 'node:crypto';
import { unavailable } from '@gantry/rpc';
import { METADATA_OPTIONS, refuseUnknown } from '../../options/names';
import { localRules } from '../../options/file';
import type { Forwarding, LogDriver } from '../driver';
import { forwarded } from '../forwarded';
import { unixDatagramWire } from '../wires/unix-datagram';
import type { Wire } from '../wires/wire';
import { journalEntry, subjectFields } from './fields';
import { sendFile } from './send-file';

const SOCKET = '/run/systemd/journal/socket';

/** journald that listens on a socket. */
export function journaldAt(socket: string): LogDriver {
  const forwarding: Forwarding = {
    // Taken by the kernel, it is journald's, also while that restarts.
    doubtMs: () => 0,
    dialsAtStart: () => true,
    patience: () => ({ waitMs: 250, longestMs: 10_000, tries: Infinity }),
    connect({ subject }) {
      let wire: Wire;
      try {
        wire = unixDatagramWire(socket, sendFile);
      } catch (error) {
        return Promise.reject(unavailable('journald is not enabled on this host', { cause: error }));
      }
      const common = { ...subjectFields(subject), CONTAINER_LOG_EPOCH: randomBytes(32).toString('hex') };
      let ordinal = 0;
      return Promise.resolve({
        lost: wire.lost,
        close: () => wire.close(),
        async send(messages, abort) {
          const entries = messages.map((message) => journalEntry({ ...common, CONTAINER_LOG_ORDINAL: String(++ordinal) }, message));
          await wire.write(entries, abort);
          return 0;
        },
      });
    },
  };
  return {
    ...forwarded((options) => refuseUnknown(options, METADATA_OPTIONS, 'journald log driver'), forwarding),
    // dockerd reads these from the journal, whatever the cache's options say; here they are read from the cache.
    files: (options) => localRules(options, 'cache-'),
    isReadable: () => true,
  };
}

export const journald = journaldAt(SOCKET);
