//! What takes the place of values that nodes share, where there is no store for them: the program was built without Redis.

use std::convert::Infallible;
use std::time::Duration;

use super::store::StoreError;

/// There are none.
#[derive(Clone)]
pub(crate) struct StoredValues(Infallible);

impl StoredValues {
    pub(crate) async fn read(&self, _: &str) -> Result<Option<Vec<u8>>, StoreError> {
        match self.0 {}
    }

    pub(crate) async fn replace(
        &self,
        _: &str,
        _: Option<&[u8]>,
        _: &[u8],
        _: Option<Duration>,
    ) -> Result<bool, StoreError> {
        match self.0 {}
    }

    pub(crate) async fn extend(&self, _: &str, _: &[u8], _: Duration) -> Result<bool, StoreError> {
        match self.0 {}
    }

    pub(crate) async fn bound(&self, _: &str, _: Duration, _: Duration) -> Result<(), StoreError> {
        match self.0 {}
    }

    pub(crate) async fn remove(&self, _: &str, _: &[u8]) -> Result<bool, StoreError> {
        match self.0 {}
    }
}
