import { F, O } from './constants';
import { declare } from './libc';
import { syscalls } from './linux-syscalls';

const epollCreate = declare('epoll_create1', 'int', ['int']);
const epollControl = declare('epoll_ctl', 'int', ['int', 'int', 'int', 'void *']);
const epollWait = declare('epoll_wait', 'int', ['int', 'void *', 'int', 'int']);

const EPOLL_CTL_ADD = 1;
const EPOLLIN = 1;
const EPOLLONESHOT = 1 << 30;
/** struct epoll_event: packed on x86-64 only. */
const [DATA_AT, SIZE] = process.arch === 'x64' ? [4, 12] : [8, 16];
const AT_ONCE = 64;

const SIGURG = 23;
const O_ASYNC = 0o20000;

/** Asks the kernel for a signal when something comes in. To be called before the socket is bound: nothing is missed then. */
export function signalReads(fd: number): void {
  syscalls.fcntl(fd, F.SETOWN, process.pid);
  syscalls.fcntl(fd, F.SETSIG, SIGURG);
  syscalls.fcntl(fd, F.SETFL, syscalls.fcntl(fd, F.GETFL, 0) | O_ASYNC);
}

/** The socket is read by who waits for it otherwise from now on. */
export function endSignals(fd: number): void {
  syscalls.fcntl(fd, F.SETFL, syscalls.fcntl(fd, F.GETFL, 0) & ~O_ASYNC);
}

/**
 * Tells once of each socket that something came in. Their descriptors need not stay open: a socket that lives on by other means is still watched, and
 * forgotten with its end.
 */
export class FirstReads {
  readonly #epoll = epollCreate(undefined, O.CLOEXEC);
  readonly #waiting = new Map<number, () => void>();
  readonly #look = (): void => this.#tell();
  #next = 0;

  constructor() {
    process.on('SIGURG', this.#look);
  }

  /** Watches a socket that signals (see signalReads); answers what forgets it. */
  add(fd: number, tell: () => void): () => void {
    const number = this.#next++;
    const event = Buffer.alloc(SIZE);
    event.writeUInt32LE(EPOLLIN | EPOLLONESHOT);
    event.writeUInt32LE(number, DATA_AT);
    epollControl(undefined, this.#epoll, EPOLL_CTL_ADD, fd, event);
    this.#waiting.set(number, tell);
    return () => void this.#waiting.delete(number);
  }

  get size(): number {
    return this.#waiting.size;
  }

  close(): void {
    process.off('SIGURG', this.#look);
    this.#waiting.clear();
    syscalls.close(this.#epoll);
  }

  #tell(): void {
    const events = Buffer.alloc(SIZE * AT_ONCE);
    for (let count = AT_ONCE; count === AT_ONCE && this.#waiting.size > 0;) {
      count = epollWait(undefined, this.#epoll, events, AT_ONCE, 0);
      for (let index = 0; index < count; index++) {
        const number = events.readUInt32LE(index * SIZE + DATA_AT);
        const tell = this.#waiting.get(number);
        this.#waiting.delete(number);
        tell?.();
      }
    }
  }
}
