import { failedPrecondition, GantryError, invalidArgument, isErrorOf, isGantryError, type Logger, notFound, pause } from '@gantry/rpc';
import { type Fields, type Helper, type HelperAnswer, LAUNCH_CODES } from '@gantry/native';
import { launchKinds } from '../drivers/launch-failure';
import { Control, type DroppedClient, type MonitorAnswer, type MonitorEvent } from './control';
import type { RemoteProcess } from './remote-process';
import { type ExitState, isSameProcess, readExitState, readMonitorState, removeSocket, writeExitState } from './state-files';

export type ProcessStatus = 'created' | 'running' | 'stopped';

export interface ProcessEvents {
  started(pid: number): void;
  /** Once, after the exit has been written and all output has been delivered. Not for a process that could not start. */
  exited(exit: ExitState): void;
  oom(): void;
  clientDropped(client: DroppedClient): void;
}

export interface ProcessOptions {
  /** Directory of monitor.json and exit.json. */
  readonly dir: string;
  /** The monitor's socket. */
  readonly socket: string;
  readonly logger: Logger;
  readonly events: ProcessEvents;
  /** Kills all that a lost monitor left running. */
  readonly killAll: () => Promise<void>;
  /** When another program makes and watches the process; the monitor then carries its stdio. */
  readonly remote?: RemoteProcess | undefined;
  /** Milliseconds after which an attached client that reads nothing and so holds the output up is dropped. */
  readonly clientTimeoutMs: number;
}

/** Milliseconds in which a monitor must be acknowledged. */
const ACK_MS = 15_000;
/** 128 + SIGKILL: what a process gets whose monitor died. */
const LOST_CODE = 137;
const SIGKILL = 9;
/** Why nobody waits any more. One for all processes: an abort without a reason makes an error each time, stack and all. */
const LET_GO = new Error('the process was let go');

/**
 * One process under its monitor, as the shim sees it: made by `create`, or found again by `adopt` after a restart.
 * created → running → stopped; `exit` resolves once it is stopped.
 */
export class MonitoredProcess {
  pid = 0;
  status: ProcessStatus = 'created';
  exitState: ExitState | undefined;
  private readonly exitPromise = Promise.withResolvers<ExitState>();
  private control: Control | undefined;
  private starting: Promise<unknown> = Promise.resolve();
  private startAsked = false;
  private startFailed = false;
  private refusal: GantryError | undefined;
  private released = false;
  private oomSeen = false;
  private stdinClosed = false;
  private readonly gone = new AbortController();

  constructor(private readonly options: ProcessOptions) {}

  get exit(): Promise<ExitState> {
    return this.exitPromise.promise;
  }

  /** Forks the monitor, which makes the process up to "created". `acknowledge` must follow. */
  async create(helper: Helper, fields: Fields): Promise<void> {
    const { dir, socket } = this.options;
    removeSocket(socket); // left by a monitor that died
    const request = { ...fields, dir, socket, ack_ms: ACK_MS, stuck_ms: this.options.clientTimeoutMs };
    const answer = await helper.request('monitor', request).catch(async (error: unknown) => {
      // The helper was killed. Without a state file it never forked the monitor, so asking the next one is safe.
      if (!isErrorOf(error, 'unavailable') || readMonitorState(dir) !== undefined) throw error;
      return helper.request('monitor', request);
    });
    if (!answer.ok) throw monitorError(answer);
    this.pid = answer.pid ?? 0;
    this.connect();
    await this.createRemote();
  }

  /** It could not be made, and `start` tells why: nothing of it is left to end. */
  refuse(why: GantryError): void {
    this.detach();
    this.refusal = why;
  }

  /** It ran at some time: a process that did not has no exit to tell. */
  get ran(): boolean {
    return this.status !== 'created' && !this.startFailed;
  }

  /** Ends a process that was not started. */
  async discard(): Promise<void> {
    if (!this.startAsked) this.startFailed = true;
    if (this.refusal !== undefined) this.finish({ exit_code: 0, exited_at: new Date().toISOString(), oom: false });
    else await this.signal(SIGKILL).catch(() => undefined); // it ends by itself, or with its task
    await this.exit;
  }

  /** From now on the process outlives the shim. */
  async acknowledge(): Promise<void> {
    await this.ask({ op: 'ack' });
  }

  /** Takes over what a former shim made: a live monitor, an exit on file, or the loss of a monitor. */
  async adopt(): Promise<void> {
    const [state, exit] = [readMonitorState(this.options.dir), readExitState(this.options.dir)];
    this.pid = state?.pid ?? 0;
    this.status = state?.started === true ? 'running' : 'created';
    if (exit !== undefined) {
      this.finish(exit);
      if (state !== undefined && isSameProcess(state.monitor_pid, state.monitor_start_time)) this.connect();
      return;
    }
    if (state === undefined || !isSameProcess(state.monitor_pid, state.monitor_start_time)) {
      await this.lost();
      return;
    }
    this.connect();
    const now = await this.control?.open.catch(() => undefined);
    if (now?.status !== undefined && now.status !== 'stopped') this.status = now.status;
    this.stdinClosed = now?.stdin_closed === true;
    const { remote } = this.options;
    if (remote !== undefined && (remote.waitsBeforeStart || this.status === 'running')) this.follow(remote);
    if (this.stdinClosed && this.status === 'running') this.passStdinEnd();
  }

  /** created → running. A program that is missing or may not run is an invalidArgument with `meta.exitCode`; the process is then stopped. */
  async start(): Promise<number> {
    if (this.status !== 'created' || this.exitState !== undefined)
      throw failedPrecondition(`the process is ${this.exitState === undefined ? this.status : 'stopped'}, not created`);
    if (this.startAsked) throw failedPrecondition('the process is being started');
    if (this.refusal !== undefined) throw this.refusal;
    this.startAsked = true;
    const start = this.startRemote()
      .then((pid) => this.ask({ op: 'start', ...(pid === undefined ? {} : { pid }) }))
      .then((answer) => {
        this.pid = answer.pid ?? this.pid;
        this.status = 'running';
        this.options.events.started(this.pid);
      });
    this.starting = start.catch(() => {
      this.startFailed = true;
    });
    await start;
    const { remote } = this.options;
    if (remote !== undefined && !remote.waitsBeforeStart) this.follow(remote);
    if (this.stdinClosed) this.passStdinEnd();
    return this.pid;
  }

  async signal(signal: number): Promise<void> {
    if (this.exitState !== undefined) throw notFound('process already finished');
    if (this.options.remote !== undefined) return this.signalRemote(this.options.remote, signal);
    const answer = await this.control?.ask({ op: 'signal', signal });
    if (answer?.code === 'not_found') throw notFound('process already finished');
    if (answer?.code === 'invalid') throw invalidArgument(`signal ${signal} is not valid`);
    if (answer?.ok !== true) throw monitorError(answer ?? { ok: false, error: 'the process has no monitor' });
  }

  async resize(width: number, height: number): Promise<void> {
    if (this.exitState !== undefined) throw failedPrecondition('cannot resize the terminal of a process that has ended');
    if (this.options.remote !== undefined) await this.options.remote.resize(width, height);
    else await this.ask({ op: 'resize', width, height });
  }

  /** The log goes on in a new file of its name. */
  async reopenLog(): Promise<void> {
    await this.ask({ op: 'reopen_log' });
  }

  /** At any time, and as often as it is asked; a process that has ended has no stdin to close. */
  async closeStdin(): Promise<void> {
    if (this.exitState !== undefined || this.refusal !== undefined) return;
    await this.ask({ op: 'close_stdin' }).catch(async (error: unknown) => {
      if (!isErrorOf(error, 'unavailable')) throw error;
      await this.exit; // its monitor went meanwhile, which ends the process
    });
  }

  /**
   * Lets the monitor of a stopped process go; it stays only for clients that still read. FIFOs have taken all output by then, or their reader is slow beyond
   * measure: containerd's clients close theirs as soon as a deletion is answered.
   */
  async release(): Promise<void> {
    this.released = true;
    this.gone.abort(LET_GO);
    await this.options.remote?.remove();
    const control = this.control;
    const hungUp = control?.ask({ op: 'release' }).then(
      () => control.ended,
      () => undefined,
    );
    const waited = new AbortController();
    await Promise.race([hungUp, pause(READ_MS, { ref: false, signal: waited.signal })]);
    waited.abort(LET_GO);
    this.control?.close();
    removeSocket(this.options.socket);
  }

  /** Leaves the monitor alone: the shim stops. */
  detach(): void {
    this.released = true;
    this.gone.abort(LET_GO);
    this.control?.close();
  }

  private async ask(request: Readonly<Record<string, unknown>>): Promise<MonitorAnswer> {
    if (this.control === undefined) throw failedPrecondition('the process has no monitor');
    const answer = await this.control.ask(request);
    if (!answer.ok) throw monitorError(answer);
    return answer;
  }

  private connect(): void {
    const control = new Control(this.options.socket, {
      event: (event) => this.take(event),
      closed: () => {
        if (!this.released && this.exitState === undefined)
          this.lost().catch((error: unknown) => this.options.logger.error({ err: error }, 'cannot end a lost task'));
      },
    });
    this.control = control;
    control.open.then(
      (state) => {
        if (state.status === 'stopped' && state.exited_at !== undefined)
          this.finish({
            exit_code: state.exit_code ?? 0,
            exited_at: state.exited_at,
            oom: state.oom === true,
            log_dropped: state.log_dropped ?? 0,
          });
      },
      () => undefined,
    );
  }

  private take(event: MonitorEvent): void {
    if (event.event === 'oom') {
      if (!this.oomSeen) this.options.events.oom(); // what another program's events told, its end does not tell again
    } else if (event.event === 'stdin_closed') this.stdinEnded();
    else if (event.event === 'client_dropped') this.options.events.clientDropped(event);
    else this.finish(event);
  }

  /** The kernel's OOM killer took a process of it, as the other program says: it is told, and stays with the exit. */
  oomTold(): void {
    this.oomSeen = true;
    this.options.events.oom();
  }

  private async createRemote(): Promise<void> {
    const { remote } = this.options;
    if (remote === undefined) return;
    this.pid = await remote.create();
    await this.ask({ op: 'made', pid: this.pid });
    if (remote.waitsBeforeStart) this.follow(remote);
  }

  /** The other program's start; one that fails ends the process as a failed exec does. */
  private async startRemote(): Promise<number | undefined> {
    try {
      return await this.options.remote?.start();
    } catch (error) {
      const code = isGantryError(error) ? error.meta['exitCode'] : undefined;
      this.startFailed = true;
      await this.end({ exit_code: typeof code === 'number' ? code : 128, exited_at: new Date().toISOString(), oom: false });
      throw error;
    }
  }

  /** An exec process that was not started is known to nobody else: its end is ours to tell. */
  private async signalRemote(remote: RemoteProcess, signal: number): Promise<void> {
    if (remote.waitsBeforeStart || this.startAsked) return remote.signal(signal);
    await this.end({ exit_code: 128 + signal, exited_at: new Date().toISOString(), oom: false });
  }

  /** Tells the monitor of the end as soon as the other program knows it. */
  private follow(remote: RemoteProcess): void {
    const ended = async (exit: ExitState): Promise<void> => {
      await this.starting; // a short process ends before its start has been answered; the monitor hears of both in their order
      await this.end(exit);
    };
    remote
      .wait(this.gone.signal)
      .then(ended)
      .catch((error: unknown) => {
        if (!this.gone.signal.aborted)
          this.options.logger.error({ err: error, pid: this.pid }, 'cannot follow a process of another program');
      });
  }

  private async end(exit: ExitState): Promise<void> {
    if (this.exitState !== undefined) return;
    await this.ask({ op: 'ended', exit_code: exit.exit_code, exited_at: exit.exited_at, oom: exit.oom || this.oomSeen });
  }

  private stdinEnded(): void {
    this.stdinClosed = true;
    if (this.status === 'running') this.passStdinEnd();
  }

  private passStdinEnd(): void {
    this.options.remote?.closeStdin().catch((error: unknown) => {
      if (!this.gone.signal.aborted && this.exitState === undefined)
        this.options.logger.warn({ err: error, pid: this.pid }, 'cannot close stdin');
    });
  }

  private finish(exit: ExitState): void {
    if (this.exitState !== undefined) return;
    this.exitState = {
      exit_code: exit.exit_code,
      exited_at: exit.exited_at,
      oom: exit.oom,
      ...(exit.error === undefined ? {} : { error: exit.error }),
    };
    // A start in flight is answered before its exit is told.
    void this.starting.then(() => {
      this.status = 'stopped';
      this.exitPromise.resolve(exit);
      if (!this.startFailed) this.options.events.exited(exit);
    });
  }

  /** The monitor is gone without an exit on file: nobody owns the process's output any more, so the task ends. */
  private async lost(): Promise<void> {
    const state = readMonitorState(this.options.dir);
    const written = readExitState(this.options.dir);
    if (written !== undefined) return this.finish(written);
    this.options.logger.error({ pid: this.pid, dir: this.options.dir }, 'monitor lost');
    if (state !== undefined && isSameProcess(state.pid, state.start_time)) {
      try {
        process.kill(state.pid, 'SIGKILL');
      } catch {
        // it ended by itself
      }
    }
    await this.options.killAll();
    const exit: ExitState = { exit_code: LOST_CODE, exited_at: new Date().toISOString(), oom: false, error: 'monitor lost' };
    writeExitState(this.options.dir, exit);
    this.finish(exit);
  }
}

/** What the reader of a FIFO gets to take the last output, milliseconds: as much as from containerd's shims. */
const READ_MS = 10_000;

/**
 * A refusal of helper or monitor. What docker answers with 126 and 127 (a program that is missing or may not be run) is an invalid argument;
 * `meta` carries the exit code and the reason's word.
 */
export function monitorError(answer: HelperAnswer | MonitorAnswer): GantryError {
  const code = LAUNCH_CODES.find((known) => known === answer.code) ?? 'internal';
  const known = launchKinds[code];
  return new GantryError(known.kind, answer.error ?? 'the monitor failed', { meta: { launch: code, exitCode: known.exitCode } });
}
