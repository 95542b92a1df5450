import type { Persistence } from '../queues/persistence';
import type { Journal, JournalEntry } from './journal';

interface Needs {
  readonly journal: Pick<Journal, 'open'>;
  readonly persistence: Pick<Persistence, 'until'>;
}

/**
 * Finishes or undoes one operation of the journal, behind the caller and in its container's queue, until its entry is gone. Each entry by itself: a container may have
 * several, as a process that is ended again soon after its start leaves the one that it found and one of its own.
 */
export function untilEnded({ journal, persistence }: Needs, entry: JournalEntry, what: string, attempt: () => Promise<void>): void {
  const tried = async (): Promise<void> => {
    if (journal.open().some(({ id }) => id === entry.id)) await attempt();
  };
  persistence.until(entry.subject, what, tried, entry.id);
}
