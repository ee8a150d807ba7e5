//! What is measured only when somebody asks: what changes by itself as time passes, and what others keep count of.

use crate::locked::Locked;

/// Measures something, and sets its gauges.
type Sampler = Box<dyn Fn() + Send>;

/// What there is to measure.
#[derive(Default)]
pub struct Sampled(Locked<Vec<Sampler>>);

impl Sampled {
    /// From now on this is measured, too. It must not wait for anybody.
    pub fn add(&self, sampler: impl Fn() + Send + 'static) {
        self.0.lock().push(Box::new(sampler));
    }

    /// Measures everything.
    pub fn measure(&self) {
        self.0.lock().iter().for_each(|sampler| sampler());
    }
}
