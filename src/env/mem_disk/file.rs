//! An open file of the disk in memory.

use super::*;

impl MemFile {
    /// Counts a mutating operation and performs it.
    fn change<T>(&self, op: &'static str, act: impl FnOnce(&mut Contents) -> T) -> DiskResult<T> {
        let mut state = self.state.lock();
        state.begin(op, &self.path)?;
        Ok(act(state.contents(self.file)))
    }

    fn look<T>(&self, op: &'static str, look: impl FnOnce(&Contents) -> T) -> DiskResult<T> {
        let mut state = self.state.lock();
        state.check_running(op, &self.path)?;
        Ok(look(state.contents(self.file)))
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> DiskResult<()> {
        let mut state = self.state.lock();
        state.begin_growth("write", &self.path)?;
        let from = offset as usize;
        let end = from + bytes.len();
        let length = state.contents(self.file).data.len();
        state.take_room(&self.path, end.saturating_sub(length) as u64)?;
        let contents = state.contents(self.file);
        if end > contents.data.len() {
            contents.data.resize(end, 0);
        }
        contents.data[from..end].copy_from_slice(bytes);
        contents.dirty_from = contents.dirty_from.min(from);
        Ok(())
    }

    fn save(&self) -> DiskResult<()> {
        let mut state = self.state.lock();
        let begun = state.begin_sync("sync", &self.path);
        if state.stopped {
            return begun;
        }
        let contents = state.contents(self.file);
        contents.synced.truncate(contents.dirty_from);
        let clean = contents.synced.len();
        match begun {
            Ok(()) => contents.synced.extend_from_slice(&contents.data[clean..]),
            Err(_) => contents.synced.resize(contents.data.len(), 0),
        }
        contents.dirty_from = contents.data.len();
        begun
    }
}

#[async_trait]
impl File for MemFile {
    async fn read_at(&self, offset: u64, length: usize) -> DiskResult<Bytes> {
        self.look("read", |contents| {
            let end = contents.data.len();
            let from = (offset as usize).min(end);
            Bytes::copy_from_slice(&contents.data[from..from.saturating_add(length).min(end)])
        })
    }

    async fn append(&self, bytes: &[u8]) -> DiskResult<u64> {
        let mut state = self.state.lock();
        let room = state.begin_growth("append", &self.path);
        let is_full = |error: &DiskError| error.kind == ErrorKind::StorageFull;
        let written = match &room {
            Ok(()) => bytes,
            Err(error) if is_full(error) => &bytes[..bytes.len() / 2],
            Err(_) => &[],
        };
        let data = &mut state.contents(self.file).data;
        let offset = data.len() as u64;
        data.extend_from_slice(written);
        room.map(|()| offset)
    }

    async fn write_at(&self, offset: u64, bytes: &[u8]) -> DiskResult<()> {
        self.write(offset, bytes)
    }

    fn write_now(&self, offset: u64, bytes: &[u8]) -> Option<DiskResult<()>> {
        Some(self.write(offset, bytes))
    }

    fn write_synced_now(&self, offset: u64, bytes: &[u8]) -> Option<DiskResult<()>> {
        if self.state.lock().slow {
            return None;
        }
        Some(self.write(offset, bytes).and_then(|()| self.save()))
    }

    async fn truncate(&self, length: u64) -> DiskResult<()> {
        self.change("truncate", |contents| {
            contents.data.resize(length as usize, 0);
            contents.dirty_from = contents.dirty_from.min(length as usize);
        })
    }

    async fn sync(&self) -> DiskResult<()> {
        if self.state.lock().slow {
            yield_now().await;
        }
        self.save()
    }

    async fn length(&self) -> DiskResult<u64> {
        self.look("length", |contents| contents.data.len() as u64)
    }
}
