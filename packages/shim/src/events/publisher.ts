import { type MessageType, packAny, timestampNow } from '@gantry/api';
import type { EventJournal, JournaledEvent } from './journal';

/** Topic of each task event, as containerd names them. */
export type TaskTopic =
  | '/tasks/create'
  | '/tasks/start'
  | '/tasks/exit'
  | '/tasks/oom'
  | '/tasks/delete'
  | '/tasks/exec-added'
  | '/tasks/exec-started'
  | '/tasks/checkpointed'
  | '/tasks/paused'
  | '/tasks/resumed';

/** Writes events to the journal and wakes the subscribers. */
export class Publisher {
  private readonly wakers = new Set<() => void>();

  constructor(readonly journal: EventJournal) {}

  publish<T>(namespace: string, topic: TaskTopic, type: MessageType<T>, message: T, exitError = ''): void {
    this.journal.append({ timestamp: timestampNow(), namespace, topic, event: packAny(type, message) }, exitError);
    for (const wake of this.wakers) wake();
  }

  /** All events that were not acknowledged, then new ones, until the signal aborts. */
  async *subscribe(signal: AbortSignal): AsyncGenerator<JournaledEvent, void, undefined> {
    let sent = 0n;
    let changed = Promise.withResolvers<void>();
    const wake = (): void => changed.resolve();
    this.wakers.add(wake);
    signal.addEventListener('abort', wake);
    try {
      while (!signal.aborted) {
        changed = Promise.withResolvers<void>();
        for (const event of this.journal.after(sent)) {
          yield event;
          sent = event.sequence;
        }
        if (this.journal.after(sent).length === 0 && !signal.aborted) await changed.promise;
      }
    } finally {
      this.wakers.delete(wake);
      signal.removeEventListener('abort', wake);
    }
  }
}
