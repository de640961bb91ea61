yii index-test.php
