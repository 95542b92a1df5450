import { Gauge, type Registry } from 'prom-client';
import type { EventJournal } from './journal-contract';

/** How much of its bounds the journal of events takes. */
export function tellJournal(registry: Registry, journal: Pick<EventJournal, 'usage'>): void {
  const gauge = (name: string, help: string, value: () => number): unknown =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(value());
      },
    });
  gauge('gantry_event_journal_events', 'Events in the journal.', () => {
    const { oldest, newest } = journal.usage();
    return Number(newest - oldest + 1n);
  });
  gauge('gantry_event_journal_bytes', 'Bytes of the events in the journal.', () => journal.usage().used);
  gauge('gantry_event_journal_max_events', 'Events that it keeps at most.', () => journal.usage().events);
  gauge('gantry_event_journal_max_bytes', 'Bytes of events that it keeps at most.', () => journal.usage().bytes);
}
