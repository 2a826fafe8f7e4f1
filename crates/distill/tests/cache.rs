//! Soft targets on disk.
#![allow(clippy::unwrap_used)]

use std::ops::ControlFlow;
use std::path::Path;

use ndarray::{Array2, array};
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_distill::{
    CacheKey, Error, Labelling, Precomputed, SoftTargets, TargetForm, Teacher, agreement,
};
use reflux_nn::{Mlp, MlpConfig, Real};
use safetensors::SafeTensors;

fn teacher<F: Real>(seed: u64) -> Mlp<F> {
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(seed);
    Mlp::new(MlpConfig::new(4, &[16], 6).unwrap(), rng).unwrap()
}

fn inputs<F: Real>() -> Array2<F> {
    Array2::from_shape_fn((50, 4), |(i, j)| F::from_f64((i as f64 + 9.0 * j as f64).sin() * 4.0))
}

fn forms() -> [TargetForm; 3] {
    let top = TargetForm::top_k(3).unwrap().at_temperature(4.0).unwrap();
    [TargetForm::Full, top, TargetForm::Quantized]
}

fn saved<F: Real>(path: &Path, form: TargetForm) -> (SoftTargets<F>, CacheKey) {
    let (teacher, inputs) = (teacher::<F>(1), inputs::<F>());
    let targets = SoftTargets::from_teacher(&teacher, &inputs).unwrap().to_form(form).unwrap();
    let key = CacheKey::new(&teacher, &inputs).unwrap();
    targets.save(path, &key).unwrap();
    (targets, key)
}

#[test]
fn what_is_read_is_what_was_written_in_every_form_and_type() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("targets");
    for form in forms() {
        let (narrow, key) = saved::<f32>(&path, form);
        assert_eq!(SoftTargets::load(&path, &key).unwrap(), narrow);
        let (wide, key) = saved::<f64>(&path, form);
        assert_eq!(SoftTargets::load(&path, &key).unwrap(), wide);
        // As the other type it is the same, rounded.
        let rounded = SoftTargets::<f32>::load(&path, &key).unwrap();
        assert_eq!(rounded.logits(), wide.logits().mapv(|x| x as f32));
    }
}

#[test]
fn another_teacher_other_data_and_another_form_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("targets");
    let (first, other, data) = (teacher::<f32>(1), teacher::<f32>(2), inputs::<f32>());
    let go_on = |_| ControlFlow::Continue(());
    let labelling = Labelling::new().with_form(TargetForm::Quantized).unwrap();
    let whole = labelling.cached(&path, &first, &data, go_on).unwrap();

    let stale = labelling.cached(&path, &other, &data, go_on).unwrap_err();
    let (wanted, has) = (other.fingerprint().unwrap(), first.fingerprint().unwrap());
    let expected = format!(
        "{}: was made with another teacher: {has}, and not {wanted}; delete it, or name another file",
        path.display()
    );
    assert_eq!(stale.to_string(), expected);
    let mut changed = data.clone();
    changed[[49, 3]] += 1e-3;
    let stale = labelling.cached(&path, &first, &changed, go_on);
    assert!(matches!(stale, Err(Error::Stale { what: "data", .. })));
    let stale = Labelling::new().cached(&path, &first, &data, go_on);
    assert!(matches!(stale, Err(Error::Stale { what: "form", .. })));
    // And nothing has happened to the file.
    assert_eq!(labelling.cached(&path, &first, &data, go_on).unwrap(), whole);
}

#[test]
fn more_logits_than_there_are_classes_are_all_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("targets");
    let labelling = Labelling::new().with_form(TargetForm::top_k(100).unwrap()).unwrap();
    for _ in 0..2 {
        let targets = labelling
            .cached(&path, &teacher::<f32>(1), &inputs(), |_| ControlFlow::Continue(()))
            .unwrap();
        assert_eq!(targets.form(), TargetForm::top_k(6).unwrap());
    }
}

#[test]
fn any_changed_byte_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("targets");
    let (_, key) = saved::<f32>(&path, TargetForm::top_k(3).unwrap());
    let whole = std::fs::read(&path).unwrap();
    for at in (0..whole.len()).step_by(7) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        std::fs::write(&path, &damaged).unwrap();
        let result = SoftTargets::<f32>::load(&path, &key);
        assert!(matches!(result, Err(Error::File { .. })), "{at}: {result:?}");
    }
    for length in [0, 7, 100, whole.len() - 1] {
        std::fs::write(&path, &whole[..length]).unwrap();
        assert!(matches!(SoftTargets::<f32>::load(&path, &key), Err(Error::File { .. })));
    }
    teacher::<f32>(1).save(&path).unwrap();
    let other = SoftTargets::<f32>::load(&path, &key).unwrap_err().to_string();
    assert!(other.contains("must have the version"), "{other}");
    assert!(SoftTargets::<f32>::load(folder.path().join("none"), &key).is_err());
}

#[test]
fn what_a_file_holds_is_a_teacher_for_its_data() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("targets");
    let (targets, key) = saved::<f64>(&path, TargetForm::Quantized);
    let again = Precomputed::new(SoftTargets::load(&path, &key).unwrap(), &inputs()).unwrap();
    let said: Array2<f64> = again.logits(&inputs()).unwrap();
    assert_eq!(targets.logits(), said);
    assert_eq!(agreement(&said, &teacher::<f64>(1).logits(&inputs()).unwrap()).unwrap(), 1.0);
    let other = again.logits(&(inputs::<f64>() + 1.0)).unwrap_err();
    assert!(matches!(other, Error::OtherData { .. }), "{other}");
    assert!(Precomputed::new(targets, &array![[0.0, 0.0, 0.0, 0.0]]).is_err());
}

#[test]
fn the_file_is_an_ordinary_safetensors_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("targets");
    let (targets, _) = saved::<f32>(&path, TargetForm::Full);
    let bytes = std::fs::read(&path).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(tensors.tensor("logits").unwrap().shape(), [50, 6]);
    let read = SoftTargets::<f32>::from_safetensors(&path, "logits").unwrap();
    assert_eq!(read, targets);
}

#[test]
fn logits_of_numpy_and_others_are_read_and_bad_files_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("logits.npy");
    let logits = array![[1.5_f64, -2.0, 0.25], [0.0, 4.0, 8.0]];
    ndarray_npy::write_npy(&path, &logits).unwrap();
    assert_eq!(SoftTargets::<f64>::from_npy(&path).unwrap().logits(), logits);
    let narrow = logits.mapv(|x| x as f32);
    assert_eq!(SoftTargets::<f32>::from_npy(&path).unwrap().logits(), narrow);
    // In Fortran's order.
    ndarray_npy::write_npy(&path, &narrow.t().as_standard_layout().reversed_axes()).unwrap();
    assert_eq!(SoftTargets::<f32>::from_npy(&path).unwrap().logits(), narrow);

    let whole = std::fs::read(&path).unwrap();
    let mut huge = whole.clone();
    let at = whole.windows(6).position(|word| word == b"(2, 3)").unwrap();
    huge[at..at + 6].copy_from_slice(b"(9,9e)");
    let mut longer = whole.clone();
    longer[at..at + 6].copy_from_slice(b"(9, 9)");
    for bytes in [&whole[..0], &whole[..20], &whole[..whole.len() - 1], &huge, &longer, b"hello"] {
        std::fs::write(&path, bytes).unwrap();
        assert!(matches!(SoftTargets::<f32>::from_npy(&path), Err(Error::File { .. })));
    }
    ndarray_npy::write_npy(&path, &array![[1_i64, 2]]).unwrap();
    let error = SoftTargets::<f32>::from_npy(&path).unwrap_err().to_string();
    assert!(error.contains("little-endian float32 or float64"), "{error}");
    ndarray_npy::write_npy(&path, &array![1.0_f32, 2.0]).unwrap();
    assert!(SoftTargets::<f32>::from_npy(&path).is_err());
    ndarray_npy::write_npy(&path, &array![[1.0_f32, f32::NAN]]).unwrap();
    let nan = SoftTargets::<f32>::from_npy(&path);
    assert!(matches!(nan, Err(Error::TeacherLogit { row: 0, class: 1, .. })));

    let weights = folder.path().join("weights");
    teacher::<f32>(1).save(&weights).unwrap();
    let error = SoftTargets::<f32>::from_safetensors(&weights, "logits").unwrap_err();
    assert!(error.to_string().contains("has no tensor \"logits\", but"), "{error}");
    assert!(SoftTargets::<f32>::from_safetensors(&weights, "0.bias").is_err());
}

/// The number of threads is settled before the first use of rayon, so each runs in its own pool.
#[cfg(feature = "rayon")]
#[test]
fn the_number_of_threads_does_not_matter() {
    let labelled = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let labelling = Labelling::new().with_batch_size(7).unwrap();
        pool.install(|| {
            labelling.run(&teacher::<f32>(1), &inputs(), |_| ControlFlow::Continue(())).unwrap()
        })
    };
    assert_eq!(labelled(1), labelled(4));
}

/// A disk that is full: a limit on the size of files, in a process of its own, because it holds for
/// all of a process.
#[cfg(unix)]
#[test]
fn a_full_disk_leaves_the_old_file() {
    const VARIABLE: &str = "REFLUX_TEST_FULL_DISK";
    if let Some(path) = std::env::var_os(VARIABLE) {
        let path = Path::new(&path);
        let (teacher, inputs) = (teacher::<f32>(2), Array2::zeros((20_000, 4)));
        let targets = SoftTargets::from_teacher(&teacher, &inputs).unwrap();
        let key = CacheKey::new(&teacher, &inputs).unwrap();
        let error = targets.save(path, &key).unwrap_err();
        assert!(error.to_string().contains("cannot be written"), "{error}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("targets");
    let (old, key) = saved::<f32>(&path, TargetForm::Full);
    // In blocks of 512 or 1024 bytes: less than the 480,000 that the child writes.
    let command =
        "trap '' XFSZ; ulimit -f 100; exec \"$0\" --exact a_full_disk_leaves_the_old_file";
    let child = std::process::Command::new("sh")
        .args(["-c", command])
        .arg(std::env::current_exe().unwrap())
        .env(VARIABLE, &path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && said.contains("1 passed"), "{said}");
    assert_eq!(SoftTargets::load(&path, &key).unwrap(), old);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}
