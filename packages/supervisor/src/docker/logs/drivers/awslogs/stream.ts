import { errorText, unavailable } from '@gantry/rpc';
import { type CloudWatch, RefusedByCloudWatch } from './cloudwatch';
import type { AwsEvent } from './events';

const isRefusal = (error: unknown, code: string): error is RefusedByCloudWatch =>
  error instanceof RefusedByCloudWatch && error.code === code;

/** One stream of events in a group. */
export class LogStream {
  /** What older servers want to see of their last answer. */
  private token: unknown;

  constructor(
    private readonly cloudwatch: CloudWatch,
    private readonly names: { readonly group: string; readonly stream: string },
  ) {}

  /** Makes it, and its group, as far as that is asked for; one that is there is fine. */
  async create(
    { createGroup, createStream }: { readonly createGroup: boolean; readonly createStream: boolean },
    signal: AbortSignal,
  ): Promise<void> {
    if (!createStream) return;
    const { group, stream } = this.names;
    const make = (): Promise<void> => this.make('CreateLogStream', { logGroupName: group, logStreamName: stream }, signal);
    try {
      await make();
    } catch (error) {
      if (!createGroup || !isRefusal(error, 'ResourceNotFoundException')) throw named('stream', error);
      await this.make('CreateLogGroup', { logGroupName: group }, signal).catch((failure: unknown) =>
        Promise.reject(named('group', failure)),
      );
      await make().catch((failure: unknown) => Promise.reject(named('stream', failure)));
    }
  }

  /** Answers how many the service refuses: they are too old for it, or of the future. */
  async put(events: readonly AwsEvent[], signal: AbortSignal): Promise<number> {
    const logEvents = events.toSorted((one, other) => one.timestamp - other.timestamp);
    const send = (sequenceToken: unknown): Promise<Record<string, unknown>> => {
      const { group, stream } = this.names;
      const token = typeof sequenceToken === 'string' ? { sequenceToken } : {};
      return this.cloudwatch.call('PutLogEvents', { logEvents, logGroupName: group, logStreamName: stream, ...token }, signal);
    };
    let answer: Record<string, unknown>;
    try {
      answer = await send(this.token);
    } catch (error) {
      if (isRefusal(error, 'DataAlreadyAcceptedException')) {
        this.token = error.details['expectedSequenceToken'];
        return 0;
      }
      if (!isRefusal(error, 'InvalidSequenceTokenException')) throw error;
      answer = await send(error.details['expectedSequenceToken']);
    }
    this.token = answer['nextSequenceToken'];
    return rejected(answer['rejectedLogEventsInfo'], logEvents.length);
  }

  private async make(operation: 'CreateLogGroup' | 'CreateLogStream', request: object, signal: AbortSignal): Promise<void> {
    await this.cloudwatch.call(operation, request, signal).catch((error: unknown) => {
      if (!isRefusal(error, 'ResourceAlreadyExistsException')) throw error;
    });
  }
}

const named = (what: 'group' | 'stream', error: unknown): Error =>
  unavailable(`failed to create Cloudwatch log ${what}: ${errorText(error)}`, { cause: error });

/** Events from the beginning up to an index are too old, and those from another one on too new. */
function rejected(info: unknown, count: number): number {
  if (typeof info !== 'object' || info === null) return 0;
  const { tooOldLogEventEndIndex, expiredLogEventEndIndex, tooNewLogEventStartIndex } = info as Readonly<Record<string, unknown>>;
  const index = (value: unknown, otherwise: number): number =>
    typeof value === 'number' ? Math.min(Math.max(0, value), count) : otherwise;
  const old = Math.max(index(tooOldLogEventEndIndex, 0), index(expiredLogEventEndIndex, 0));
  return old + count - Math.max(old, index(tooNewLogEventStartIndex, count));
}
