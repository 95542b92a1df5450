import type { LogMessage, LogTarget } from '../drivers/driver';

/** Where the lines of a container called web go. */
export function target(driver: string, options: Readonly<Record<string, string>> = {}): LogTarget {
  return {
    driver,
    options,
    subject: {
      id: 'c'.repeat(64),
      name: 'web',
      imageId: `sha256:${'a'.repeat(64)}`,
      imageName: 'busybox',
      command: 'sh -c true',
      created: '2026-01-02T03:04:05.678901234Z',
      tag: 'cccccccccccc',
      attributes: { 'com.example.app': 'shop' },
    },
  };
}

export const message = (line: string, more: Partial<LogMessage> = {}): LogMessage => ({
  stream: 'stdout',
  line,
  time: '2026-01-02T03:04:05.678901234Z',
  ...more,
});
