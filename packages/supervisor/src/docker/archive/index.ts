export { statArchive } from './stat-archive';
export { exportContainer, getArchive, putArchive } from './transfer';
