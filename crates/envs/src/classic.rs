//! Classic control tasks: a few numbers that follow laws of physics.

mod acrobot;
mod cart_pole;
mod mountain_car;

pub use acrobot::Acrobot;
pub use cart_pole::CartPole;
pub use mountain_car::MountainCar;
